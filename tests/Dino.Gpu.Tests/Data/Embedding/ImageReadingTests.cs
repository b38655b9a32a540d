using System.Net.Sockets;
using Dino.Gpu.Imaging;
using Dino.Gpu.Tests.Cli;
using Dino.Gpu.Tests.Support;


namespace Dino.Gpu.Tests.Data.Embedding;

/// <summary>Whatever a path leads to, reading it ends soon, in bytes or in one reason.</summary>
public sealed class ImageReadingTests : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60); // a loaded machine is slow, a hang is endless

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Bytes_of_a_file_and_of_a_part_of_it_are_written()
    {
        byte[] content = [.. Enumerable.Range(0, 100_000).Select(i => (byte)(i * 31 >> 3))];
        string file = _folder.Write("a.jpg", content);
        Assert.Equal(content, ImageFile.ReadBytes(file));
        Assert.Equal(content[5..70_000], ImageFile.ReadBytes(file, 5, 69_995));
        Assert.Empty(ImageFile.ReadBytes(file, 100_000, 0));
        Assert.Equal("ends after 100000 bytes, expected 2 bytes from 99999 on", Reason(() => ImageFile.ReadBytes(file, 99_999, 2)));
        Assert.Contains("ends after", Reason(() => ImageFile.ReadBytes(file, 1, long.MaxValue)));
        Assert.Empty(ImageFile.ReadBytes(_folder.Write("empty.jpg", [])));
        File.CreateSymbolicLink(_folder.Path("link.jpg"), file);
        Assert.Equal(content, ImageFile.ReadBytes(_folder.Path("link.jpg")));
        Assert.Equal(content, ImageFile.ReadBytes(_folder.Path("not-there", "..", "a.jpg")));
        string strange = _folder.Write("日本\n語 😀.jpg", [1, 2]);
        Assert.Equal([1, 2], ImageFile.ReadBytes(strange));
    }

    [Fact]
    public void What_is_not_there_says_so()
    {
        Assert.Equal("no such file", Reason(_folder.Path("none.jpg")));
        Assert.Equal("no such file", Reason(_folder.Path("none", "none.jpg")));
        Assert.Equal("no such file", Reason(Path.Combine(_folder.Write("file", []), "none.jpg")));
        Assert.Equal("no such file", Reason(""));
        Assert.Equal("no such file", Reason(_folder.Write("a.jpg", []) + "\0.png")); // not the file before the zero
        Assert.Contains("not valid UTF-8", Reason(_folder.Path("caf\uFFFD.jpg")));
        Assert.Contains("directory", Reason(_folder.Root));
        File.CreateSymbolicLink(_folder.Path("dangling.jpg"), _folder.Path("gone.jpg"));
        Assert.Equal("is a link to a file that is not there", Reason(_folder.Path("dangling.jpg")));
        File.CreateSymbolicLink(_folder.Path("loop.jpg"), _folder.Path("loop.jpg"));
        Assert.StartsWith("cannot be read: ", Reason(_folder.Path("loop.jpg")));
    }

    [Fact]
    public void A_pipe_without_a_writer_does_not_block()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "mkfifo");
        Assert.Equal("not a regular file", Reason(_folder.Fifo("pipe.jpg")));
    }

    [Fact]
    public void A_socket_and_devices_are_refused()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "paths of Linux");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(_folder.Path("s.jpg")));
        Assert.Equal("not a regular file", Reason(_folder.Path("s.jpg")));
        Assert.Equal("not a regular file", Reason("/dev/zero")); // seeks, says its length is 0, and never ends
        Assert.Equal("not a regular file", Reason("/proc/self/status"));
    }

    [Fact]
    public void A_file_without_permission_says_so()
    {
        Assert.SkipWhen(Environment.IsPrivilegedProcess, "root reads everything");
        string file = _folder.Write("a.jpg", [1]);
        if (OperatingSystem.IsWindows())
            Assert.Skip("has no file modes");
        else
            File.SetUnixFileMode(file, UnixFileMode.None);
        Assert.Equal("permission denied", Reason(file));
    }

    [Fact]
    public void A_file_above_the_limit_is_not_read()
    {
        string file = _folder.Path("huge.jpg");
        using (FileStream stream = File.Create(file))
            stream.SetLength(ImageFile.MaxLength + 1); // a hole: takes no room on the disk
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal($"too large for an image file: {ImageFile.MaxLength + 1} bytes, the limit is {ImageFile.MaxLength}", Reason(file));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public async Task Hostile_files_in_a_folder_cost_their_rows_and_are_named_once()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "mkfifo");
        string picture = _folder.Write("in/a.png", File.ReadAllBytes(GoldenData.Image("tiny_5x7.png")));
        string pipe = _folder.Fifo("in/b.jpg");
        string empty = _folder.Write("in/c.png", []);
        File.CreateSymbolicLink(_folder.Path("in/d.png"), _folder.Path("gone.png"));
        CliResult result = await CliRunner.EmbedTinyAsync(_folder.Path("in"), "--quiet").WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(3, result.ExitCode);
        Assert.Equal(4, result.OutputLines.Length);
        string[] lines = [.. result.ErrorLines.Order(StringComparer.Ordinal)];
        Assert.Equal(3, lines.Length);
        Assert.Equal($"dino: warning: {pipe}: not a regular file", lines[0]);
        Assert.Contains("empty file", lines[1]);
        Assert.Contains("link", lines[2]);
        Assert.All(
            lines,
            line =>
                Assert.Equal(
                    line.IndexOf(_folder.Root, StringComparison.Ordinal), line.LastIndexOf(_folder.Root, StringComparison.Ordinal)));
        Assert.True(File.Exists(picture) && File.Exists(empty));
    }

    private static string Reason(string path) => Reason(() => ImageFile.ReadBytes(path));

    private static string Reason(Func<byte[]> read)
    {
        Task<DinoException> failing = Task.Run(() => Assert.ThrowsAny<DinoException>(() => read()));
        Assert.True(failing.Wait(Soon), "still reading");
        Assert.DoesNotContain('\n', failing.Result.Message);
        return failing.Result.Message;
    }
}
