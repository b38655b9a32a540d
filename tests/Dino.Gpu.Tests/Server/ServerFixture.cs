using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Server;

/// <summary>One server for all tests that change nothing of its options.</summary>
public sealed class ServerFixture : IAsyncLifetime
{
    /// <summary>The most pictures of a request.</summary>
    public const int MaxItems = 8;

    /// <summary>The most bytes of a request.</summary>
    public const int MaxBody = 1 << 20;

    private readonly TemporaryFolder _folder = new();

    internal TestServer Server { get; private set; } = null!;

    internal HttpClient Client => Server.Client;

    internal string IndexPath => _folder.Path("photos.dinoidx");

    internal static string Rocket => GoldenData.Image("rocket.jpg");

    internal static string Chelsea => GoldenData.Image("chelsea.png");

    public async ValueTask InitializeAsync()
    {
        _folder.Write("pictures/in/rocket.jpg", File.ReadAllBytes(Rocket));
        _folder.Write("pictures/not-indexed.jpg", File.ReadAllBytes(Rocket));
        _folder.Write("pictures/text.txt", "no picture");
        _folder.Write("outside.jpg", File.ReadAllBytes(Rocket));
        File.CreateSymbolicLink(_folder.Path("pictures", "link.jpg"), _folder.Path("outside.jpg"));
        using (DinoEncoderGroup encoder = DinoEncoderGroup.Load(Cli.CliRunner.TinyWeights, TestServer.Model))
        using (var index = VectorIndex.CreateFile(IndexPath, encoder.Config.HiddenSize))
        {
            string[] ids = ["in/rocket.jpg", "text.txt", "link.jpg", "../outside.jpg", _folder.Path("outside.jpg"), "gone.jpg"];
            foreach (string id in ids)
                index.Add(id, encoder.Embed(id == "in/rocket.jpg" ? Rocket : Chelsea));
            index.Save();
        }

        Server = await TestServer.StartAsync(options =>
        {
            options.MaxItems = MaxItems;
            options.MaxBodyBytes = MaxBody;
            options.Index = cancellation => VectorIndex.Open(IndexPath, cancellation);
            options.Pictures = _folder.Path("pictures");
        });
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        _folder.Dispose();
    }

    /// <summary>A data URI of a file.</summary>
    internal static string DataUri(string path) =>
        $"data:image/{System.IO.Path.GetExtension(path)[1..]};base64,{Convert.ToBase64String(File.ReadAllBytes(path))}";
}

/// <summary>The tests that share the server; they run one after the other.</summary>
[CollectionDefinition(nameof(ServerCollection))]
public sealed class ServerCollection : ICollectionFixture<ServerFixture>;
