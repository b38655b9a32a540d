using System.CommandLine;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino compare-precision INPUT...</c>: what each precision changes on the user's own images.</summary>
internal static class ComparePrecisionCommand
{
    private const string Examples = """
        # what bf16 and int8 change on this CPU
        dino compare-precision photos --device cpu
        # as JSON, with other vectors
        dino compare-precision photos --output mean --json
        """;

    private const string Notes =
        "Every precision that the device offers is compared with fp32: the cosine of each image's two vectors, the largest difference of a "
        + "value, and how often the nearest other images stay the same.";

    public static Command Create(CliConsole console)
    {
        var inputs = new Argument<string[]>("INPUT") { Description = "Images, folders, globs or lists.", Arity = ArgumentArity.OneOrMore };
        Option<bool> json = Parsing.Json("Print JSON instead of a table.");
        var vectors = new VectorOptions(console);
        var command = new CliCommand(
            "compare-precision", "Show what each precision of the device changes in the vectors of your images.", Examples, Notes)
        {
            inputs, json,
        };
        vectors.AddTo(command, earlier: false);
        command.SetAction((parsed, cancellation) => new ComparePrecisionJob(
            parsed.GetValue(inputs)!, vectors.Settings(parsed).Standard, parsed.GetValue(json), console).RunAsync(cancellation));
        return command;
    }
}
