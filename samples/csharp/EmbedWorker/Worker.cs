using System.Text.Json;
using Dino.Gpu;

namespace EmbedWorker;

/// <summary>Embeds what is in the inbox, once each, until the host stops.</summary>
internal sealed class Worker(IDinoEncoder encoder, IConfiguration configuration, ILogger<Worker> logger) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        string inbox = configuration["Inbox"] ?? throw new InvalidOperationException("--Inbox=FOLDER names the folder to watch");
        string lines = configuration["Lines"] ?? "embeddings.jsonl";
        var done = new HashSet<string>();
        while (!stoppingToken.IsCancellationRequested)
        {
            string[] arrived = [.. Directory.EnumerateFiles(inbox).Where(done.Add).Order()];
            await foreach (EmbeddingResult result in encoder.EmbedManyAsync(arrived, stoppingToken))
            {
                string path = arrived[result.Index];
                if (result.IsSuccess)
                {
                    string line = JsonSerializer.Serialize(new { path, embedding = result.Embedding });
                    await File.AppendAllTextAsync(lines, line + "\n", stoppingToken);
                }
                else
                {
                    logger.LogWarning("{Error}", result.Error.Message);
                }
            }

            await Task.Delay(Pause, stoppingToken);
        }
    }
}
