using Dino.Gpu.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>The first Ctrl-C ends a command that waits for paths on standard input, as at a terminal.</summary>
public sealed class CancelledInputTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("attention", "-", "-o", "out")]
    [InlineData("features", "-", "-o", "out")]
    [InlineData("pca", "-", "-o", "out")]
    [InlineData("index", "-", "-o", "out.npz")]
    [InlineData("search", "-", "a.png", "--html", "out.html")]
    [InlineData("compare", "-", "a.png")]
    [InlineData("dedup", "-", "--html", "out.html")]
    [InlineData("knn", "-", "--split", "0.5", "--predictions", "out.csv")]
    [InlineData("linear", "-", "--split", "0.5", "--save", "out.safetensors")]
    [InlineData("embed", "-", "picture")]
    [InlineData("bench", "-")]
    public async Task Cancelling_does_not_wait_for_the_next_path(params string[] arguments)
    {
        using var input = new SilentReader();
        using var cancellation = new CancellationTokenSource();
        string[] command =
        [
            .. arguments.Select(argument => argument switch
            {
                "picture" => GoldenData.Image("gray.png"),
                _ when argument.StartsWith("out", StringComparison.Ordinal) => _folder.Path(argument),
                _ => argument,
            }),
            "-w", CliRunner.TinyWeights, "-d", "cpu",
        ];
        Task<CliResult> running = Task.Run(() => CliRunner.RunAsync(command, input, null, cancellation.Token));
        await input.IsRead.WaitAsync(TimeSpan.FromSeconds(60));
        await cancellation.CancelAsync();
        CliResult result = await running.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(130, result.ExitCode);
        Assert.Equal($"dino: {DinoCommandLine.Canceled}", Assert.Single(result.ErrorLines));
        Assert.Empty(result.Output);
        Assert.Empty(_folder.Files);
    }

    /// <summary>Somebody who types nothing.</summary>
    private sealed class SilentReader : TextReader
    {
        private readonly TaskCompletionSource _read = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ManualResetEventSlim _end = new();

        public Task IsRead => _read.Task;

        public override int Read()
        {
            _read.TrySetResult();
            _end.Wait();
            return -1;
        }

        protected override void Dispose(bool disposing) => _end.Set();
    }
}
