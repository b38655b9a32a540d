using System.CommandLine;
using Dino.Gpu.Cli.Terminal;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino index INPUT... -o FILE.npz</c>: vectors in one file that says what made them.</summary>
internal static class IndexCommand
{
    public const string Examples = """
          dino index photos -o photos.npz                      a folder of images, embedded now
          dino index out -o photos.npz                         the shards of 'dino embed photos -o out'
          dino index a.parquet b.parquet -o all.npz            files of embeddings, joined
          dino search photos.npz query.jpg                     the query is embedded as the index was

        The file is the .npz that 'embed --sha256' writes, with a member model.json:
        numpy.load("photos.npz")["embedding"], ["path"], ["sha256"], ["model.json"]. Images without an
        embedding are left out. Exit codes: 0 all well, 1 nothing written, 2 wrong usage, 3 some images failed, 130
        cancelled.
        """;

    public static Command Create(CliConsole console, Option<bool> verbose, Option<bool> quiet)
    {
        var inputs = new Argument<string[]>("INPUT") { Description = VectorOptions.Description, Arity = ArgumentArity.OneOrMore };
        var output = new Option<string>("-o", "--out") { Description = "The index, a file that ends in .npz.", HelpName = "FILE", Required = true };
        output.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is { } file && !file.EndsWith(".npz", StringComparison.OrdinalIgnoreCase))
                result.AddError($"-o: an index is a file that ends in .npz, found '{file}'");
        });
        var vectors = new VectorOptions();
        var command = new Command("index", "Gather embeddings, or embed images, into one file to search, with what made them.") { inputs, output };
        vectors.AddTo(command);
        command.SetAction((parsed, cancellation) => new IndexJob(
            parsed.GetValue(inputs)!,
            parsed.GetValue(output)!,
            vectors.Settings(parsed, parsed.GetValue(verbose), parsed.GetValue(quiet)),
            console).RunAsync(cancellation));
        return command;
    }
}
