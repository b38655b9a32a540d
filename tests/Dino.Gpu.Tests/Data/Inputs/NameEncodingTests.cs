using System.Diagnostics;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Inputs;

/// <summary>
/// Names that are not UTF-8, as Latin-1 systems and archives leave them. .NET reads U+FFFD where a byte is no text, and
/// then finds nothing under that name, or something else.
/// </summary>
public sealed class NameEncodingTests : IDisposable
{
    /// <summary>What the shell's printf makes the byte 0xFF of, and the bytes of U+FFFD.</summary>
    private const string Wrong = @"\377", Replacement = @"\357\277\275";

    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        if (OperatingSystem.IsLinux())
            Shell("rm -rf -- *"); // .NET cannot delete what it cannot name
        _folder.Dispose();
    }

    [Fact]
    public async Task A_folder_whose_name_is_not_text_is_a_row_that_fails()
    {
        Make($"mkdir -p \"$(printf 'pics/caf{Wrong}')\" && cp \"$1\" \"$(printf 'pics/caf{Wrong}/a.png')\" && cp \"$1\" pics/b.png");
        string pics = _folder.Path("pics"), folder = Path.Combine(pics, "caf\uFFFD");
        foreach (string input in (string[])[pics, $"{pics}/**", $"{pics}/**/*.png"])
        {
            using var list = InputList.Settle([input], TextReader.Null);
            Assert.Equal([Path.Combine(pics, "b.png"), folder], list.Items().Select(item => item.Path));
            string reason = Assert.Throws<DinoException>(() => list.Items().Last().ReadBytes()).Message;
            Assert.Equal($"cannot list this folder: {FolderWalk.NoSuchFolder}", reason);
        }

        CliResult result = await CliRunner.EmbedTinyAsync(pics, "-o", _folder.Path("e.npy"));
        Assert.Equal(3, result.ExitCode);
        Assert.Contains(result.ErrorLines, line => line.StartsWith($"dino: warning: {folder}: cannot list", StringComparison.Ordinal));
    }

    /// <summary>Reading one of the two would read the other.</summary>
    [Fact]
    public void Files_that_only_bytes_tell_apart_are_rows_that_fail()
    {
        Make($"cp \"$1\" \"$(printf 'bad{Wrong}.png')\" && cp \"$1\" \"$(printf 'bad{Replacement}.png')\" && cp \"$1\" c.png");
        AssertFailed(_folder.Path("bad\uFFFD.png"), _folder.Path("c.png"));
    }

    [Fact]
    public void Folders_that_only_bytes_tell_apart_are_rows_that_fail()
    {
        Make($"for name in '{Wrong}' '{Replacement}'; do mkdir \"$(printf \"$name\")\"; cp \"$1\" \"$(printf \"$name/a.png\")\"; done; "
            + "mkdir \uFFFEgood; cp \"$1\" \uFFFEgood/a.png");
        AssertFailed(_folder.Path("\uFFFD"), _folder.Path("\uFFFEgood", "a.png"));
    }

    [Fact]
    public void A_name_that_really_has_the_replacement_is_read()
    {
        string picture = _folder.Write("bad\uFFFD.png", [1]);
        using var list = InputList.Settle([_folder.Root], TextReader.Null);
        InputItem item = Assert.Single(list.Items());
        Assert.Equal(picture, item.Path);
        Assert.Equal([1], item.ReadBytes());
    }

    private void AssertFailed(string twice, string other)
    {
        using var list = InputList.Settle([_folder.Root], TextReader.Null);
        InputItem[] items = [.. list.Items()];
        Assert.Equal([twice, twice, other], items.Select(item => item.Path));
        Assert.All(
            items[..2], item => Assert.Equal(FolderWalk.SeveralOfTheName, Assert.Throws<DinoException>(() => item.ReadBytes()).Message));
        Assert.NotEmpty(items[2].ReadBytes());
    }

    /// <summary>Makes files by a shell: .NET cannot make such names.</summary>
    private void Make(string script)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "elsewhere every name is text");
        Shell(script);
    }

    private void Shell(string script)
    {
        var start = new ProcessStartInfo("sh", ["-ec", script, "sh", GoldenData.Image("tiny_5x7.png")]) { WorkingDirectory = _folder.Root };
        using var shell = Process.Start(start)!;
        shell.WaitForExit();
        Assert.Equal(0, shell.ExitCode);
    }
}
