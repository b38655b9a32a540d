using System.Diagnostics;
using System.Formats.Tar;
using System.Text.Json;
using Dino.Gpu.Cli.Commands;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Cli;

/// <summary>
/// Who deletes what <c>dino dedup --list</c> names still has every picture, whatever became of the files since they
/// were embedded.
/// </summary>
public sealed class DedupListTests : IDisposable
{
    private static readonly byte[] Tiny = File.ReadAllBytes(GoldenData.Image("tiny_5x7.png"));
    private static readonly byte[] Other = File.ReadAllBytes(GoldenData.Image("gray.png"));

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>What happens to a.png, which is kept, or to b.png, its copy, after both were indexed.</summary>
    [Theory]
    [InlineData("a.png", false, "no such file")]
    [InlineData("b.png", false, "no such file")]
    [InlineData("a.png", true, "is not the picture that was embedded")]
    [InlineData("b.png", true, "is not the picture that was embedded")]
    public async Task A_stale_index_lists_nothing(string name, bool replaced, string reason)
    {
        _folder.Write(Path.Combine("st", "a.png"), Tiny);
        string copy = _folder.Write(Path.Combine("st", "b.png"), Tiny);
        string index = await IndexAsync("st.npz", _folder.Path("st"));
        Assert.Equal([copy], (await ListAsync(index)).OutputLines);

        string changed = _folder.Path("st", name);
        DateTime time = File.GetLastWriteTimeUtc(changed);
        File.Delete(changed);
        if (replaced)
        {
            // As by mv or cp -p: older than the index.
            File.WriteAllBytes(changed, Other);
            File.SetLastWriteTimeUtc(changed, time);
        }

        string page = _folder.Path("page.html");
        CliResult result = await ListAsync(index, "--html", page);
        string line = result.FatalLine();
        Assert.StartsWith($"dino: error: {PictureNow.Refusal}: {changed}", line);
        Assert.Contains(reason, line);
        Assert.StartsWith("hint: ", result.ErrorLines[1]);
        Assert.False(File.Exists(page));
    }

    /// <summary>
    /// Pictures that have the same size and bytes of the same number are not taken for each other either.
    /// </summary>
    [Fact]
    public async Task A_picture_changed_in_place_lists_nothing()
    {
        string kept = _folder.Write(Path.Combine("st", "a.png"), Tiny);
        _folder.Write(Path.Combine("st", "b.png"), Tiny);
        string index = await IndexAsync("st.npz", _folder.Path("st"));
        byte[] changed = [.. Tiny];
        changed[^1] ^= 1;
        File.WriteAllBytes(kept, changed);
        Assert.Contains("is not the picture that was embedded", (await ListAsync(index)).FatalLine());
    }

    /// <summary>
    /// The paths of an index are relative to where it was made. Elsewhere they lead nowhere, or to other pictures.
    /// </summary>
    [Fact]
    public async Task An_index_of_another_directory_lists_nothing()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "no shell");
        _folder.Write(Path.Combine("lk", "a.png"), Tiny);
        File.CreateSymbolicLink(_folder.Path("lk", "b.png"), "a.png");
        string index = _folder.Path("lk.npz");
        CliResult made = await InFolderAsync("lk", "index", ".", "-o", index, "-w", CliRunner.TinyWeights, "-d", "cpu", "-q");
        Assert.True(made.ExitCode == 0, made.Error);

        string[] list = ["dedup", index, "--list", "-d", "cpu", "-q"];
        Assert.Contains("no such file", (await InFolderAsync("", list)).FatalLine());
        CliResult home = await InFolderAsync("lk", list);
        Assert.Equal((0, ""), (home.ExitCode, home.Output));

        _folder.Write(Path.Combine("elsewhere", "a.png"), Other);
        _folder.Write(Path.Combine("elsewhere", "b.png"), Other);
        Assert.Contains("is not the picture that was embedded", (await InFolderAsync("elsewhere", list)).FatalLine());
    }

    /// <summary>A copy that became a name of the kept file since, by a hard link or another.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Other_names_of_the_kept_file_are_not_listed(bool hard)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "no ln");
        string kept = _folder.Write(Path.Combine("st", "a.png"), Tiny);
        string link = _folder.Write(Path.Combine("st", "b.png"), Tiny);
        string copy = _folder.Write(Path.Combine("st", "c.png"), Tiny);
        string index = await IndexAsync("st.npz", _folder.Path("st"));
        File.Delete(link);
        using (var ln = Process.Start("ln", hard ? [kept, link] : ["-s", kept, link]))
            await ln.WaitForExitAsync();
        CliResult result = await ListAsync(index);
        Assert.Equal([copy], result.OutputLines);
        Assert.Equal(hard, result.Error.Contains($"{DedupJob.NotListed}1, other names of files that are kept", StringComparison.Ordinal));
    }

    /// <summary>Without a record only what is byte for byte the kept picture is certain.</summary>
    [Theory]
    [InlineData("e.npz")]
    [InlineData("e.parquet")]
    [InlineData("e.jsonl")]
    [InlineData("e.csv")]
    [InlineData("run")]
    public async Task Embeddings_without_digests_list_exact_copies_only(string file)
    {
        _folder.Write(Path.Combine("st", "a.png"), Tiny);
        string copy = _folder.Write(Path.Combine("st", "b.png"), Tiny);
        string similar = _folder.Write(Path.Combine("st", "c.png"), [.. Tiny, 0]); // bytes after the picture's end
        string[] embed = [_folder.Path("st"), "-q", "-o"];
        Assert.Equal(0, (await CliRunner.EmbedTinyAsync([.. embed, _folder.Path(file)])).ExitCode);
        CliResult plain = await ListAsync(_folder.Path(file));
        Assert.Equal([copy], plain.OutputLines);
        Assert.Contains($"{DedupJob.NotListed}1, other bytes than the picture to keep", plain.Error);
        Assert.Contains("\nhint: ", plain.Error);

        string recorded = _folder.Path("recorded-" + file);
        Assert.Equal(0, (await CliRunner.EmbedTinyAsync([.. embed, recorded, "--sha256"])).ExitCode);
        string[] expected = file == "run" ? [copy] : [copy, similar]; // the .npy shards of a run have no digests
        Assert.Equal(expected, (await ListAsync(recorded)).OutputLines);
        string index = await IndexAsync("of-recorded.npz", recorded);
        Assert.Equal(expected, (await ListAsync(index)).OutputLines);

        // A copy whose original is gone is the only one.
        File.Delete(_folder.Path("st", "a.png"));
        Assert.Contains("no such file", (await ListAsync(_folder.Path(file))).FatalLine());
    }

    [Fact]
    public async Task Reference_folders_are_never_listed()
    {
        string small = _folder.Write(Path.Combine("ref", "deep", "a.png"), Tiny);
        string also = _folder.Write(Path.Combine("ref", "b.png"), Tiny);
        string inbox = _folder.Write(Path.Combine("inbox", "0.png"), Tiny);
        string similar = _folder.Write(Path.Combine("reference", "c.png"), Tiny); // another folder with the same beginning
        string[] inputs = [_folder.Path("inbox"), _folder.Path("ref"), _folder.Path("reference")];
        Assert.Equal([also, small, similar], (await ListAsync(inputs)).OutputLines);
        string[] reference = ["--reference", _folder.Path("ref") + "/"];
        Assert.Equal([inbox, similar], (await ListAsync([.. inputs, .. reference])).OutputLines);
        Assert.Equal([inbox], (await ListAsync([.. inputs, .. reference, "--reference", _folder.Path("reference")])).OutputLines);
        Assert.Empty((await ListAsync([.. inputs, "--reference", _folder.Root])).Output);

        string[] options = [.. inputs, .. reference, "-q", "-w", CliRunner.TinyWeights, "-d", "cpu"];
        CliResult table = await CliRunner.RunAsync(["dedup", .. options]);
        Assert.Equal(
            [
                $"1\tkeep\t\t5\t7\t{also}", $"1\treference\t1.0000\t5\t7\t{small}", $"1\tduplicate\t1.0000\t5\t7\t{inbox}",
                $"1\tduplicate\t1.0000\t5\t7\t{similar}"
            ],
            table.OutputLines[1..]);
        CliResult json = await CliRunner.RunAsync(["dedup", .. options, "--json"]);
        using var group = JsonDocument.Parse(json.Output);
        Assert.Equal(also, group.RootElement.GetProperty("keep").GetProperty("path").GetString());
        Assert.Equal(small, Assert.Single(group.RootElement.GetProperty("references").EnumerateArray()).GetProperty("path").GetString());
        Assert.Equal(2, group.RootElement.GetProperty("duplicates").GetArrayLength());

        Assert.Contains("--reference: no such folder: nowhere", (await ListAsync([.. inputs, "--reference", "nowhere"])).FatalLine());
    }

    /// <summary>The picture to keep is the reference's, even where a larger one is elsewhere.</summary>
    [Fact]
    public async Task A_reference_is_kept_before_a_larger_picture()
    {
        byte[] large = File.ReadAllBytes(GoldenData.Image("chelsea.png"));
        string reference = _folder.Write(Path.Combine("ref", "a.png"), Tiny);
        string inbox = _folder.Write(Path.Combine("inbox", "0.png"), large);
        string[] inputs = [_folder.Path("inbox"), _folder.Path("ref"), "-t", "-1"];
        Assert.Equal([reference], (await ListAsync(inputs)).OutputLines);
        Assert.Equal([inbox], (await ListAsync([.. inputs, "--reference", _folder.Path("ref")])).OutputLines);
    }

    /// <summary>Links into a reference folder, and out of it.</summary>
    [Fact]
    public async Task Links_do_not_lead_around_a_reference_folder()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege there");
        string inbox = _folder.Write(Path.Combine("inbox", "0.png"), Tiny);
        string reference = _folder.Write(Path.Combine("ref", "a.png"), Tiny);
        Directory.CreateSymbolicLink(_folder.Path("link"), "ref");
        string[] throughLink = [_folder.Path("inbox"), _folder.Path("link"), "--reference", _folder.Path("ref")];
        Assert.Equal([inbox], (await ListAsync(throughLink)).OutputLines);
        string[] linkNamed = [_folder.Path("inbox"), _folder.Path("ref"), "--reference", _folder.Path("link")];
        Assert.Equal([inbox], (await ListAsync(linkNamed)).OutputLines);

        // A file outside that the reference folder has a link to is the reference's too.
        File.Delete(reference);
        File.CreateSymbolicLink(reference, inbox);
        string copy = _folder.Write(Path.Combine("more", "c.png"), Tiny);
        Assert.Equal([copy], (await ListAsync(_folder.Path("more"), _folder.Path("ref"), "--reference", _folder.Path("ref"))).OutputLines);
    }

    /// <summary>A picture in an archive that is to be kept must be there too.</summary>
    [Fact]
    public async Task A_kept_member_of_an_archive_is_looked_at()
    {
        string tar = _folder.Path("photos.tar");
        WriteTar(tar, Tiny);
        string file = _folder.Write(Path.Combine("photos", "a.png"), Tiny);
        string index = await IndexAsync("e.npz", tar, _folder.Path("photos"));
        Assert.Equal([file], (await ListAsync(index)).OutputLines);
        WriteTar(tar, Other);
        Assert.Contains("is not the picture that was embedded", (await ListAsync(index)).FatalLine());
        WriteTar(tar, Tiny, "b.png");
        Assert.Contains("no such member", (await ListAsync(index)).FatalLine());
        File.Delete(tar);
        Assert.Contains("no such file", (await ListAsync(index)).FatalLine());
    }

    private static void WriteTar(string path, byte[] picture, string name = "a.png")
    {
        using var writer = new TarWriter(File.Create(path));
        writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(picture) });
    }

    private static Task<CliResult> ListAsync(params string[] arguments) =>
        CliRunner.RunAsync(["dedup", .. arguments, "--list", "-w", CliRunner.TinyWeights, "-d", "cpu"]);

    private async Task<string> IndexAsync(string name, params string[] inputs)
    {
        string index = _folder.Path(name);
        CliResult result = await CliRunner.RunAsync(["index", .. inputs, "-o", index, "-q", "-w", CliRunner.TinyWeights, "-d", "cpu"]);
        Assert.True(result.ExitCode == 0, result.Error);
        return index;
    }

    private async Task<CliResult> InFolderAsync(string folder, params string[] arguments) =>
        await CliProcess.FinishAsync(CliProcess.StartShell($"cd '{_folder.Path(folder)}' && exec \"$@\"", arguments));
}
