using System.CommandLine;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino dedup INPUT...</c>: groups of near-duplicates.</summary>
internal static class DedupCommand
{
    private const string Examples = """
        # groups that show the same, and which picture to keep
        dino dedup photos
        # from an index, with a page to look at before deleting anything
        dino dedup photos.npz --html duplicates.html
        # only copies: resized, compressed again
        dino dedup photos.npz --threshold 0.99
        # the paths of all but the largest of each group
        dino dedup photos --list > could-go.txt
        # only what is in inbox could go
        dino dedup photos inbox --reference photos --list
        # copies that were mirrored or turned, too
        dino dedup photos --transforms
        # JSON Lines
        dino dedup photos.parquet --json
        """;

    private const string Notes = """
        Two images are in one group if the cosine of their embeddings is at least the threshold, or if other images connect them so. All
        pairs are compared, exactly. The picture to keep is the largest of a group, or the first of several that are equally large.
        Nothing is deleted.

        --list checks the files as they are now. It lists nothing if a picture of a group is missing or is not the one that was embedded.
        'dino index' and 'embed --sha256' record which one that was; without that record only exact copies are listed.
        """;

    /// <summary>
    /// DINO's class token is trained to stay the same under crops, flips and color changes, so the cosine of copies
    /// should be close to 1. This is a starting point; it was not measured on a labeled set of duplicates.
    /// </summary>
    private const double DefaultThreshold = 0.95;

    public static Command Create(CliConsole console)
    {
        var inputs = new Argument<string[]>("INPUT") { Description = VectorOptions.Description, Arity = ArgumentArity.OneOrMore };
        Option<double?> threshold = SearchOptions.Threshold(
            "Smallest cosine of duplicates. Close to 1 finds only copies, lower values also pictures of the same scene. [default: 0.95]");
        Option<bool> json = Parsing.Json("Print JSON Lines, one object per group.");
        Option<bool> list = Parsing.Switch(
            "--list", "Print only the paths of the image files that could go, one per line. Members of archives are not listed.");
        var reference = new Option<string[]>("--reference")
        {
            Description = "A folder whose pictures are always kept and never listed. May be given more than once.",
            HelpName = "DIR",
        };
        Option<bool> transforms = Parsing.Switch(
            "--transforms", "Find mirrored and turned copies too: embed each picture in its 8 orientations and take the best cosine.");
        Option<string?> html = SearchOptions.Html();
        var vectors = new VectorOptions(console);
        var command = new CliCommand(
            "dedup", "Group images that are nearly the same, and say which one of each group to keep.", Examples, Notes)
        {
            inputs, threshold, transforms, json, list, reference, html,
        };
        vectors.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(json) && result.GetValue(list))
                result.AddError("expected --json or --list, found both");
        });
        command.SetAction((parsed, cancellation) =>
        {
            var settings = new DedupSettings(
                parsed.GetValue(inputs)!,
                parsed.GetValue(threshold) ?? DefaultThreshold,
                parsed.GetValue(reference) ?? [],
                parsed.GetValue(json) ? DedupOutput.Json : parsed.GetValue(list) ? DedupOutput.List : DedupOutput.Table,
                parsed.GetValue(html),
                vectors.Settings(parsed).Standard with { Transforms = parsed.GetValue(transforms) });
            return new DedupJob(settings, console).RunAsync(cancellation);
        });
        return command;
    }
}
