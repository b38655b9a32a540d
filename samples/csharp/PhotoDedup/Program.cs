// Prints the groups of nearly equal pictures of a folder, a line each. Pictures that cannot be read are told on stderr.
//
//   dotnet run -c Release --project samples/csharp/PhotoDedup -- samples synthetic 0.9
using System.Globalization;
using Dino.Gpu;
using Dino.Gpu.Search;

(string folder, string weights, double threshold) = (args[0], args[1], double.Parse(args[2], CultureInfo.InvariantCulture));
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, key) =>
{
    key.Cancel = true;
    stop.Cancel();
};

string[] files = [.. Directory.EnumerateFiles(folder).Where(file => Path.GetExtension(file) is ".jpg" or ".jpeg" or ".png").Order()];
await using var encoder = await DinoEncoder.LoadAsync(weights, cancellation: stop.Token);
var read = new List<string>();
var vectors = new List<float>();
await foreach (EmbeddingResult result in encoder.EmbedManyAsync(files, stop.Token))
{
    if (result.IsSuccess)
    {
        read.Add(files[result.Index]);
        vectors.AddRange(result.Embedding);
    }
    else
    {
        Console.Error.WriteLine(result.Error.Message);
    }
}

if (read.Count == 0)
    return 1;
using var index = NearestNeighbors.Create(vectors.ToArray(), encoder.Config.HiddenSize); // exact, by cosine
foreach (int[] group in index.Groups(threshold, stop.Token))
    Console.WriteLine(string.Join('\t', group.Select(member => read[member])));
return 0;
