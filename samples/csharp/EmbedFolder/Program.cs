// Embeds a folder of pictures into shards, as `dino embed PICTURES -w WEIGHTS -o RUN` does, and joins them into one
// file. Run it again after Ctrl-C or a crash: it resumes where the rows end.
//
//   dotnet run -c Release --project samples/csharp/EmbedFolder -- samples synthetic out embeddings.npz
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Data.Runs;

(string pictures, string weights, string run, string file) = (args[0], args[1], args[2], args[3]);
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, key) =>
{
    key.Cancel = true;
    stop.Cancel();
};

using var inputs = InputList.Settle([pictures], stop.Token);                          // row i of every output is input i
using var embedder = Embedder.Load(weights, new EmbedderOptions { Output = "cls" });  // decodes exactly as Pillow, on the best device
RunResult result = await EmbeddingRun.RunAsync(embedder, inputs, run, new RunOptions { ShardSize = 1000 }, cancellation: stop.Token);
Console.WriteLine($"{result.Rows} of {result.Total} rows, {result.Failed} failed images");
if (!result.IsWhole)
    return 130;

RunMerge.Merge([run], file);
return result.Failed == 0 ? 0 : 3;
