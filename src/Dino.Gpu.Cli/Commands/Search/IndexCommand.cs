using System.CommandLine;
using Dino.Gpu.Cli.Help;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>dino index INPUT... -o WHERE</c>: writes vectors into a file or a database that says what made them.</summary>
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
        # a table of PostgreSQL with pgvector; the same command brings it up to date
        dino index photos --to 'postgres://me@localhost/gallery?table=photos'
        # a collection of Qdrant
        dino index photos --to qdrant://localhost:6334/photos
        # the query is embedded as the index was
        dino search photos.npz query.jpg
        """;

    private const string Notes = """
        An .npz is what 'embed --sha256' writes: numpy.load("photos.npz") has "embedding", "path", "sha256" and "model.json". A .dinoidx
        is dino's own: a search reads its vectors from the file, and memory does not grow with it. Images without an embedding are left out.
        A folder gets shards, as from 'embed -o DIR --format npz --sha256'; an interrupted run in it resumes.

        In a database a picture has one row. One that is there with the SHA-256 of its file is not embedded again, and one that changed
        replaces its row. A password comes from PGPASSWORD or ~/.pgpass, a key of Qdrant from QDRANT_API_KEY.
        """;

    public static Command Create(CliConsole console)
    {
        var inputs = new Argument<string[]>("INPUT") { Description = VectorOptions.Description, Arity = ArgumentArity.OneOrMore };
        var output = new Option<string>("-o", "--out", "--to")
        {
            Description = $"The index: a file that ends in {IndexFile.Extensions}, a folder, postgres://USER@HOST/DATABASE?table=NAME, or "
                + "qdrant://HOST:6334/COLLECTION. --to is another name of this option.",
            HelpName = "WHERE",
            Required = true,
        };
        output.Validators.Add(Parsing.RefuseStandardStream);
        output.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is { Length: > 0 } target && !UrlInput.IsStore(target) && !IndexFile.IsIndex(target)
                && !OutputTarget.NamesFolder(target))
            {
                result.AddError($"-o: expected a file that ends in {IndexFile.Extensions}, a folder, or the address of a database, "
                    + $"found '{target}'");
            }
        });
        Option<bool> hnsw = Parsing.Switch(
            "--hnsw", "Build an HNSW graph in the database after the last row, for fast approximate searches. Without it they are exact.");
        Option<bool> prune = Parsing.Switch(
            "--prune", "Delete from the database, after the last row, every picture that is not among the inputs.");
        Option<string?> errors = Parsing.File(
            "--errors", "With a database: write the unreadable images to this file, one JSON object per line.");
        ChoiceOption<FloatType> dtype = EmbedCommand.DataType();
        Option<bool> json = Parsing.Json();
        var vectors = new VectorOptions(console);
        var command = new CliCommand(
            "index", "Gather embeddings, or embed images, into a file or a database to search. It says what made them.", Examples, Notes)
        {
            inputs, output, dtype, json, hnsw, prune, errors,
        };
        vectors.AddTo(command);
        command.Validators.Add(result =>
        {
            bool isStore = UrlInput.IsStore(result.GetValue(output) ?? "");
            Option? other = Array.Find(isStore ? [dtype] : (Option[])[hnsw, prune, errors], option => result.IsGiven(option));
            if (other is not null)
                result.AddError($"{other.Name}: expected {(isStore ? "a file or a folder" : "the address of a database")} after -o");
        });
        command.SetAction((parsed, cancellation) =>
        {
            var settings = new IndexSettings(
                parsed.GetValue(inputs)!, parsed.GetValue(output)!, parsed.GetValue(dtype), vectors.Settings(parsed).Standard)
            {
                Hnsw = parsed.GetValue(hnsw),
                Prune = parsed.GetValue(prune),
                ErrorsFile = parsed.GetValue(errors),
                Json = parsed.GetValue(json),
            };
            return new IndexJob(settings, console).RunAsync(cancellation);
        });
        return command;
    }
}
