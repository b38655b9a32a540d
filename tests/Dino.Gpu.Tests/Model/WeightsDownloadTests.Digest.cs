using Dino.Gpu.Checkpoints;

namespace Dino.Gpu.Tests.Model;

/// <summary>The digest of a first download is the one of all later ones.</summary>
public sealed partial class WeightsDownloadTests
{
    private static readonly WeightsDownloadOptions Other = new() { Repository = "a/b", FileName = "c/model.bin" };

    private string Record => Target + ".sha256";

    [Fact]
    public async Task The_digest_of_the_first_download_is_kept_beside_it()
    {
        using var server = new HubServer(_content);
        await WeightsDownload.RunAsync(Target, Options(server, Other));
        Assert.Equal(["# a/b main c/model.bin", $"{server.AnnouncedHash}  model.bin"], await File.ReadAllLinesAsync(Record));
        int asked = server.Requests.Count;
        Assert.True((await WeightsDownload.RunAsync(Target, Options(server, Other))).WasPresent);
        Assert.Equal(asked, server.Requests.Count); // it is known what the file must be
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Another_digest_than_the_first_is_refused(bool isThere)
    {
        using (var server = new HubServer(_content))
            await WeightsDownload.RunAsync(Target, Options(server, Other));
        byte[] changed = [.. _content.Reverse()];
        if (isThere)
            await File.WriteAllBytesAsync(Target, [1]);
        else
            File.Delete(Target);
        using var later = new HubServer(changed);
        DinoException refusal =
            await Assert.ThrowsAsync<WeightsException>(() => WeightsDownload.RunAsync(Target, Options(later, Other)));
        Assert.Contains(", as when it was first fetched; nothing was fetched", refusal.Message);
        Assert.Equal($"if it has changed for a good reason, delete {Record}", refusal.Hint);
        Assert.Equal(isThere, File.Exists(Target));
        Assert.False(File.Exists(Part));

        // Who names the new digest accepts it, from then on.
        await WeightsDownload.RunAsync(Target, Options(later, Other with { Sha256 = later.AnnouncedHash }));
        Assert.Equal(changed, await File.ReadAllBytesAsync(Target));
        File.Delete(Target);
        await WeightsDownload.RunAsync(Target, Options(later, Other));
        Assert.Equal(changed, await File.ReadAllBytesAsync(Target));
    }

    [Fact]
    public async Task The_first_digest_counts_for_its_source_alone()
    {
        using (var server = new HubServer(_content))
            await WeightsDownload.RunAsync(Target, Options(server, Other));
        using var another = new HubServer([.. _content.Reverse()]);
        await WeightsDownload.RunAsync(Target, Options(another, Other with { Revision = "v2" }));
        Assert.Equal("# a/b v2 c/model.bin", (await File.ReadAllLinesAsync(Record))[0]);
    }

    [Theory]
    [InlineData("my notes")]
    [InlineData("")]
    public async Task A_file_that_is_no_record_stays(string text)
    {
        await File.WriteAllTextAsync(Record, text);
        using var server = new HubServer(_content);
        await WeightsDownload.RunAsync(Target, Options(server, Other));
        AssertArrived();
        Assert.Equal(text, await File.ReadAllTextAsync(Record));
    }

    [Theory]
    [InlineData(100_000)]
    [InlineData(Length)]
    public async Task A_part_of_another_file_is_fetched_anew(int length)
    {
        await File.WriteAllBytesAsync(Part, new byte[length]);
        using var server = new HubServer(_content);
        await RunAsync(server);
        AssertArrived();
        Assert.Contains(_progress, report => report.Retry == $"{Part} was a part of another file, so all of it is fetched");
    }

    [Fact]
    public async Task Two_downloads_of_a_file_do_not_mix()
    {
        using var server = new HubServer(_content);
        using (new FileStream(Part, FileMode.Create, FileAccess.ReadWrite, FileShare.None))
            Assert.Equal($"cannot write {Part}: another download is writing it", await RefusalAsync(server));
        await RunAsync(server);
        AssertArrived();
    }

    [Fact]
    public async Task A_file_that_changes_between_two_connections_is_fetched_anew()
    {
        byte[] changed = [.. _content.Reverse()];
        using var server = new HubServer(_content) { Cuts = 1, CutAfter = 100_000, Later = changed };
        await WeightsDownload.RunAsync(Target, Options(server, Other));
        Assert.Equal(changed, await File.ReadAllBytesAsync(Target));
    }
}
