using System.Security.Cryptography;
using Dino.Gpu.Checkpoints;

namespace Dino.Gpu.Tests.Model;

/// <summary>The cache of Hugging Face's own tools, which is asked before the hub.</summary>
public sealed partial class WeightsDownloadTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_hugging_faces_tools_have_fetched_is_copied(bool offline)
    {
        var options = new WeightsDownloadOptions { Revision = "main", Variable = InCache(offline) };
        WriteCache(Convert.ToHexStringLower(SHA256.HashData(_content)));
        WeightsDownloadResult result = await WeightsDownload.RunAsync(Target, options, new Recorder(_progress));
        Assert.Equal((false, (long)Length), (result.WasPresent, result.Bytes));
        Assert.Equal(new WeightsDownloadProgress(Length, Length), _progress[^1]);
        AssertArrived();
    }

    [Fact]
    public async Task A_damaged_file_of_the_cache_is_refused()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("Without links the cache does not name its files by their digest.");
        WriteCache(new string('c', 64));
        var options = new WeightsDownloadOptions { Revision = "main", Variable = InCache(offline: true) };
        DinoException refusal = await Assert.ThrowsAsync<WeightsException>(() => WeightsDownload.RunAsync(Target, options));
        Assert.Contains("its SHA-256 is not the one expected", refusal.Message);
        Assert.Equal("delete it from the Hugging Face cache", refusal.Hint);
        Assert.False(File.Exists(Target) || File.Exists(Part));

        // With a network the hub is asked instead.
        using var server = new HubServer(_content);
        Func<string, string?> variable = InCache(offline: false);
        await WeightsDownload.RunAsync(Target, options with
        {
            Variable = name => name == WeightsDownloadOptions.EndpointVariable ? server.Endpoint : variable(name),
        });
        AssertArrived();
    }

    [Fact]
    public async Task Offline_nobody_is_asked()
    {
        using var server = new HubServer(_content);
        var options = new WeightsDownloadOptions { Variable = InCache(offline: true) };
        DinoException refusal =
            await Assert.ThrowsAsync<WeightsException>(() => WeightsDownload.RunAsync(Target, Options(server, options)));
        Assert.Contains("not asked, since HF_HUB_OFFLINE is set", refusal.Message);
        Assert.Empty(server.Requests);
        AssertNothingLeft();
    }

    /// <summary>A cache as Hugging Face's tools keep it: a snapshot links to a blob, named by its digest.</summary>
    private void WriteCache(string digest)
    {
        string commit = new('a', 40);
        string model = Path.Combine(_folder.Root, "home", "hub", "models--facebook--dino-vits16");
        Directory.CreateDirectory(Path.Combine(model, "refs"));
        Directory.CreateDirectory(Path.Combine(model, "blobs"));
        Directory.CreateDirectory(Path.Combine(model, "snapshots", commit));
        File.WriteAllText(Path.Combine(model, "refs", "main"), commit);
        string blob = Path.Combine(model, "blobs", digest);
        File.WriteAllBytes(blob, _content);
        File.CreateSymbolicLink(Path.Combine(model, "snapshots", commit, "pytorch_model.bin"), $"../../blobs/{digest}");
    }

    private Func<string, string?> InCache(bool offline) => name => name switch
    {
        "HF_HOME" => Path.Combine(_folder.Root, "home"),
        "HF_HUB_OFFLINE" when offline => "1",
        _ => null,
    };
}
