// Answers which pictures of a folder are most like the one that is sent.
//
//   dotnet run -c Release --project samples/csharp/SimilaritySearch -- --Dino:Weights=synthetic --Pictures=samples
//   curl --data-binary @samples/rocket.jpg -H 'content-type: image/jpeg' 'http://localhost:5000/search?k=3'
using Dino.Gpu;
using Dino.Gpu.Search;
using Microsoft.Extensions.AI;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddDinoGpu(builder.Configuration.GetSection("Dino")); // Weights, Device, BatchSize, ...
builder.Services.AddHealthChecks().AddDinoGpu();
var app = builder.Build();

string folder = app.Configuration["Pictures"] ?? throw new InvalidOperationException("--Pictures=FOLDER names the pictures to search");
string[] files = [.. Directory.EnumerateFiles(folder).Where(file => Path.GetExtension(file) is ".jpg" or ".jpeg" or ".png").Order()];
var paths = app.Services.GetRequiredService<IEmbeddingGenerator<string, Embedding<float>>>();
GeneratedEmbeddings<Embedding<float>> known = await paths.GenerateAsync(files); // a picture that cannot be read ends the start
float[] vectors = [.. known.SelectMany(embedding => embedding.Vector.ToArray())];
using var index = NearestNeighbors.Create(vectors, known[0].Dimensions);

app.MapPost("/search", async (HttpRequest request, IDinoEncoder encoder, CancellationToken cancellation, int k = 5) =>
{
    try
    {
        float[] query = await encoder.EmbedAsync(request.Body, cancellation); // shares batches with all other requests
        Neighbors found = index.Search(query, k);
        return Results.Ok(found.Indices(0).ToArray().Zip(found.Scores(0).ToArray(), (file, score) => new { path = files[file], score }));
    }
    catch (ImageException failure)
    {
        return Results.UnprocessableEntity(new { error = failure.Message, reason = failure.Reason.ToString() });
    }
    catch (DinoBusyException)
    {
        return Results.StatusCode(StatusCodes.Status503ServiceUnavailable);
    }
});
app.MapHealthChecks("/health");
app.Run();
