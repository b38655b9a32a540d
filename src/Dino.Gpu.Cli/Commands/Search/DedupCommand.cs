using System.CommandLine;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino dedup INPUT...</c>: groups of near-duplicates.</summary>
internal static class DedupCommand
{
    public const string Examples = """
          dino dedup photos                                    groups that show the same, and which to keep
          dino dedup photos.npz --html duplicates.html         from an index; look before you delete
          dino dedup photos.npz --threshold 0.99               only copies: resized, compressed again
          dino dedup photos --list > could-go.txt              the paths of all but the largest of each group
          dino dedup photos inbox --reference photos --list    only what is in inbox
          dino dedup photos.parquet --json

        Two images are in one group when the cosine of their embeddings is at least the threshold, or other
        images join them so. All pairs are compared, exactly. The largest picture of a group is the one to
        keep, of equal ones the first. Nothing is deleted.

        --list looks at the files as they are now. It lists nothing when a picture of a group is missing or
        is not the one that was embedded; 'dino index' and 'embed --sha256' record which one that was.
        Without the record only exact copies are listed.
        """;

    /// <summary>
    /// DINO's class token is trained to stay the same under crops, flips and color changes of one picture, so copies of one should
    /// lie close to 1. This is a starting point: it was not measured on a labelled set of duplicates.
    /// </summary>
    private const double DefaultThreshold = 0.95;

    public static Command Create(CliConsole console, Option<bool> verbose, Option<bool> quiet)
    {
        var inputs = new Argument<string[]>("INPUT") { Description = VectorOptions.Description, Arity = ArgumentArity.OneOrMore };
        Option<double?> threshold = ThresholdOption.Create(
            "Cosine from which on two images are duplicates: nearer to 1 for copies only, lower for pictures of the same scene too. [default: 0.95]");
        var json = new Option<bool>("--json") { Description = "JSON Lines, one object a group." };
        var list = new Option<bool>("--list")
        {
            Description = "Only the paths of the image files that could go, one a line; not the names of members of archives.",
        };
        var reference = new Option<string[]>("--reference")
        {
            Description = "A folder whose pictures are always kept and never listed. May be given more than once.",
            HelpName = "DIR",
        };
        Option<string?> html = SearchCommand.HtmlOption();
        var vectors = new VectorOptions();
        var command = new Command("dedup", "Group images that are nearly the same, and say which of each group to keep.")
        {
            inputs, threshold, json, list, reference, html,
        };
        vectors.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(json) && result.GetValue(list))
                result.AddError("--json and --list: expected one of them");
        });
        command.SetAction((parsed, cancellation) =>
        {
            var settings = new DedupSettings(
                parsed.GetValue(inputs)!,
                parsed.GetValue(threshold) ?? DefaultThreshold,
                parsed.GetValue(reference) ?? [],
                parsed.GetValue(json) ? DedupOutput.Json : parsed.GetValue(list) ? DedupOutput.List : DedupOutput.Table,
                parsed.GetValue(html),
                vectors.Settings(parsed, parsed.GetValue(verbose), parsed.GetValue(quiet)));
            return new DedupJob(settings, console, parsed.InvocationConfiguration.Output).RunAsync(cancellation);
        });
        return command;
    }
}
