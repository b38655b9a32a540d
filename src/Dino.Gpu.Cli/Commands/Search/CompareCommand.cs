using System.CommandLine;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino compare A B</c>: the cosine of two images.</summary>
internal static class CompareCommand
{
    private const string Examples = """
        dino compare cat.jpg dog.jpg
        # an image with an embedding of it
        dino compare cat.jpg cat.npy
        # other vectors of the images
        dino compare a.jpg b.jpg --output mean --size 448
        """;

    private const string Notes = "1 means the same direction, 0 nothing in common, -1 the opposite direction.";

    public static Command Create(CliConsole console)
    {
        var first = new Argument<string>("A") { Description = "An image, or a file with one embedding." };
        var second = new Argument<string>("B") { Description = "Another image or file." };
        Option<bool> json = Parsing.Json("Print the cosine with all its digits, in a JSON object.");
        var vectors = new VectorOptions(console);
        var command = new CliCommand("compare", "Print the cosine of the embeddings of two images.", Examples, Notes)
        {
            first, second, json,
        };
        vectors.AddTo(command);
        command.SetAction((parsed, cancellation) => new CompareJob(
            [parsed.GetValue(first)!, parsed.GetValue(second)!], vectors.Settings(parsed), parsed.GetValue(json), console)
            .RunAsync(cancellation));
        return command;
    }
}
