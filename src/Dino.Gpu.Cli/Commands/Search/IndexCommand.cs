using System.CommandLine;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino index INPUT... -o FILE</c>: writes vectors into one file that says what made them.</summary>
internal static class IndexCommand
{
    private const string Examples = """
        # a folder of images, embedded now
        dino index photos -o photos.npz
        # the shards of 'dino embed photos -o out'
        dino index out -o photos.npz
        # files of embeddings, joined
        dino index a.parquet b.parquet -o all.npz
        # searched where it lies, for millions of vectors
        dino index photos -o photos.dinoidx --dtype f16
        # the query is embedded as the index was
        dino search photos.npz query.jpg
        """;

    private const string Notes = """
        An .npz is what 'embed --sha256' writes: numpy.load("photos.npz") has "embedding", "path", "sha256" and "model.json". A .dinoidx
        is dino's own: a search reads its vectors from the file, and memory does not grow with it. Images without an embedding are left out.
        """;

    public static Command Create(CliConsole console)
    {
        var inputs = new Argument<string[]>("INPUT") { Description = VectorOptions.Description, Arity = ArgumentArity.OneOrMore };
        var output = new Option<string>("-o", "--out")
        {
            Description = $"The index, a file that ends in {IndexFile.Extensions}.",
            HelpName = "FILE",
            Required = true,
        };
        output.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is { } file && !IndexFile.IsIndex(file))
                result.AddError($"-o: expected a file that ends in {IndexFile.Extensions}, found '{file}'");
        });
        ChoiceOption<FloatType> dtype = EmbedCommand.DataType();
        Option<bool> json = Parsing.Json();
        var vectors = new VectorOptions(console);
        var command = new CliCommand(
            "index", "Gather embeddings, or embed images, into one file to search. The file says what made them.", Examples, Notes)
        {
            inputs, output, dtype, json,
        };
        vectors.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            EmbeddingSourceSettings source = vectors.Settings(parsed).Standard;
            var job = new IndexJob(
                parsed.GetValue(inputs)!, parsed.GetValue(output)!, parsed.GetValue(dtype), source, parsed.GetValue(json), console);
            return job.RunAsync(cancellation);
        });
        return command;
    }
}
