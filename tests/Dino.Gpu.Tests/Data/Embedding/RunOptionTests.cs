using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Runs;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Embedding;

/// <summary>
/// A run by the library, whose options nobody has checked before: what cannot be done is refused before anything is
/// written or loaded.
/// </summary>
public sealed class RunOptionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<RunOptions, string> Impossible =>
        new()
        {
            { new RunOptions { ShardSize = 0 }, "the shard size is 0 (expected 1 to 2147483647)" },
            { new RunOptions { ShardSize = -1 }, "the shard size is -1" },
            { new RunOptions { ShardSize = long.MaxValue }, "the shard size is 9223372036854775807" },
            { new RunOptions { MaxErrors = -1 }, "the number of errors allowed is -1" },
            { new RunOptions { Type = (FloatType)9 }, "the type of the values is 9 (expected Float32 or Float16)" },
            { new RunOptions { OnError = (OnError)9 }, "the choice for images that cannot be read is 9" },
            { new RunOptions { OnIoError = (OnIoError)9 }, "the choice for images that the system cannot read is 9" },
            { new RunOptions { Format = "bmp" }, "there is no format 'bmp'" },
        };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Impossible))]
    public async Task Options_of_a_run_that_cannot_be_are_refused_before_its_folder_is_made(RunOptions options, string message)
    {
        using Embedder embedder = Embedder.Load(CliRunner.TinyWeights, Cpu());
        InputList inputs = InputList.Settle([GoldenData.Image("chelsea.png"), GoldenData.Image("gray.png")], Token);
        string folder = _folder.Path("run");
        DinoException refusal = await Assert.ThrowsAsync<DinoException>(
            () => EmbeddingRun.RunAsync(embedder, inputs, folder, options, cancellation: Token));
        Assert.StartsWith(message, refusal.Message, StringComparison.Ordinal);
        Assert.False(Path.Exists(folder));
        RunResult result = await EmbeddingRun.RunAsync(
            embedder, inputs, folder, new RunOptions { ShardSize = int.MaxValue }, cancellation: Token);
        Assert.Equal((true, 2, 1), (result.IsWhole, result.Rows, result.Shards));
        Assert.Single(Directory.GetFiles(folder, "*.npy"));
    }

    [Fact]
    public void Options_of_an_embedder_that_cannot_be_are_refused_before_weights_are_read()
    {
        foreach ((EmbedderOptions options, string message) in (IEnumerable<(EmbedderOptions, string)>)
            [
                (Cpu() with { Workers = 0 }, "the number of workers is 0 (expected 1 to 1024)"),
                (Cpu() with { Workers = -1 }, "the number of workers is -1"),
                (Cpu() with { Workers = int.MaxValue }, "the number of workers is 2147483647"),
                (Cpu() with { ImageTimeout = TimeSpan.Zero }, "the time for an image is 00:00:00"),
                (Cpu() with { ImageTimeout = TimeSpan.MaxValue }, "the time for an image is"),
                (Cpu() with { MaxPixels = 0 }, "the most pixels of a picture are 0 (expected 1 to 536870897)"),
                (Cpu() with { MaxPixels = long.MaxValue }, "the most pixels of a picture are 9223372036854775807"),
                (Cpu() with { Output = "none" }, "there is no output 'none'"),
            ])
        {
            Assert.StartsWith(
                message, Assert.Throws<DinoException>(() => Embedder.Load("no such weights", options)).Message, StringComparison.Ordinal);
        }

        Assert.Equal("Model", Assert.Throws<ArgumentNullException>(() => Embedder.Load("none", Cpu() with { Model = null! })).ParamName);
        Assert.Equal("Output", Assert.Throws<ArgumentNullException>(() => Embedder.Load("none", Cpu() with { Output = null! })).ParamName);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static EmbedderOptions Cpu() => new() { Model = new DinoOptions { Device = "cpu" } };
}
