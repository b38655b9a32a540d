using Dino.Gpu.Data.Imaging;
using Dino.Gpu.Data.Vectors;
using Dino.Gpu.Server;
using Dino.Gpu.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Dino.Gpu.Tests.Server.Page;

/// <summary>The real service, with a tiny model and the repository's pictures as its index.</summary>
public sealed class PageServer : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private WebApplication? _app;

    /// <summary>The pictures of the index, by id.</summary>
    public static IReadOnlyList<string> Ids { get; } =
        ["samples/chelsea.png", "samples/rocket.jpg", "samples/shapes.png", "samples/waves.jpg"];

    public DinoEncoder Encoder { get; } = DinoEncoder.Create(
        TinyModel.Weights, new DinoOptions { Device = "cpu", Threads = 1, Decoder = new SkiaImageDecoder() });

    /// <summary>Where the page is.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>What comes before every answer; true if it answered. A test that sets it resets it.</summary>
    public Func<HttpContext, Task<bool>>? Before { get; set; }

    private string Index => _folder.Path("index.dinoidx");

    public async ValueTask InitializeAsync()
    {
        if (SourceTree.Root is null)
            return; // the tests are skipped
        using (VectorIndex index = VectorIndex.CreateFile(Index, Encoder.Config.HiddenSize))
        {
            foreach (string id in Ids)
                index.Add(id, Encoder.Embed(Picture(id)));
            index.Add("somewhere/else/with-a-name-that-is-longer-than-a-card-is-wide-and-has-no-space.png", Encoder.Embed(Picture(Ids[0])));
            index.Save();
        }

        (_app, Address) = await StartAsync();
    }

    /// <summary>A picture of the index as a file.</summary>
    public static string Picture(string id) => SourceTree.Find(id.Split('/'));

    /// <summary>Opens the index.</summary>
    public VectorIndex OpenIndex() => VectorIndex.Open(Index);

    /// <summary>Starts another server with the same model.</summary>
    /// <param name="configure">Changes its options.</param>
    /// <param name="prefix">What comes before its paths.</param>
    /// <param name="port">0 for any that is free.</param>
    public async Task<(WebApplication App, Uri Address)> StartAsync(
        Action<DinoServerOptions>? configure = null, string prefix = "", int port = 0)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        builder.Services.AddSingleton<IDinoEncoder>(Encoder); // an instance: not disposed with the server
        builder.Services.AddDinoServer(options =>
        {
            options.ModelId = "tiny";
            options.Index = _ => OpenIndex();
            options.Pictures = SourceTree.Root;
            configure?.Invoke(options);
        });
        WebApplication app = builder.Build();
        app.Use(async (context, next) =>
        {
            if (Before is null || !await Before(context))
                await next(context);
        });
        app.MapDinoGpu(prefix);
        await app.StartAsync();
        return (app, new Uri(app.Urls.Single() + prefix));
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
            await _app.DisposeAsync();
        Encoder.Dispose();
        _folder.Dispose();
    }
}
