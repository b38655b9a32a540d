using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Formats;

/// <summary>
/// A disk of a megabyte fills up: one line that says so, and nothing left behind. Skipped where no such disk can be
/// mounted, which takes root on Linux.
/// </summary>
public sealed class FullDiskTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _disk;
    private readonly SmallDisk? _mounted;

    public FullDiskTests()
    {
        _disk = _folder.Path("disk");
        _mounted = SmallDisk.TryMount(_disk, "1m");
    }

    public static TheoryData<string> AllFormats => [.. FormatCatalog.All.Select(format => format.Name)];

    public void Dispose()
    {
        _mounted?.Dispose();
        _folder.Dispose();
    }

    /// <summary>
    /// Full from rows, and with room for none, for a header, or for a part: then it may fill only while the file is
    /// completed.
    /// </summary>
    [Theory]
    [MemberData(nameof(AllFormats))]
    public void Writer_says_so_and_leaves_nothing(string format)
    {
        Assert.SkipWhen(_mounted is null, "a tmpfs cannot be mounted");
        RowSchema schema = FormatRows.Schema(FloatType.Float32, 500);
        List<FormatRow> rows = FormatRows.Make(schema, 100);
        AssertFull(format, schema, Enumerable.Repeat(rows, 100).SelectMany(part => part));
        foreach (int left in (int[])[0, 1, 4, 20, 30])
        {
            Fill((256 - left) * 4096);
            AssertFull(format, schema, rows);
            if (left == 0 && format == "csv")
                // the header of a CSV is longer than the file's buffer: the constructor fails
                AssertFull(format, RowSchema.Plain(20_000), []);
            File.Delete(Path.Combine(_disk, "ballast"));
        }
    }

    [Theory]
    [InlineData("a.npy")]
    [InlineData("a.npz")]
    [InlineData("out/")]
    public async Task Command_says_so_in_one_line(string output)
    {
        Assert.SkipWhen(_mounted is null, "a tmpfs cannot be mounted");
        string image = GoldenData.Image("gray.png");
        string list = _folder.Write("list.txt", string.Join('\n', Enumerable.Repeat(image, 400)));
        CliResult result = await CliRunner.EmbedTinyAsync("@" + list, "-o", Path.Combine(_disk, output), "--output", "tokens", "-q");
        Assert.Contains("cannot write", result.FatalLine());
        Assert.Contains("space", result.FatalLine());
        if (output != "out/")
            Assert.Empty(Directory.GetFiles(_disk, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }));
    }

    /// <summary>
    /// Takes room. A process that another test starts holds the files that this one had open, deleted ones too, for the
    /// moment between its fork and its exec, and their room is not free until then.
    /// </summary>
    private void Fill(int bytes)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                File.WriteAllBytes(Path.Combine(_disk, "ballast"), new byte[bytes]);
                return;
            }
            catch (IOException) when (attempt < 1000)
            {
                Thread.Sleep(10);
            }
        }
    }

    private void AssertFull(string format, RowSchema schema, IEnumerable<FormatRow> rows)
    {
        Exception? failure = Record.Exception(() => FormatRows.Write(Path.Combine(_disk, "a." + format), schema, rows));
        string message = Assert.IsType<DinoException>(failure).Message;
        Assert.StartsWith("cannot write", message);
        Assert.Contains("space", message); // No space left on device
        Assert.DoesNotContain('\n', message);
        Assert.DoesNotContain(
            Directory.GetFiles(_disk, "*", new EnumerationOptions { AttributesToSkip = 0 }), file => Path.GetFileName(file) != "ballast");
    }
}
