using System.Diagnostics;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.ReadMe;

/// <summary>The service of docs/aspnet.md, as a process that is asked over HTTP.</summary>
public sealed partial class AspNetSampleTests
{
    [Fact]
    public async Task Service_answers_with_embeddings_and_refuses_what_is_no_picture()
    {
        SourceTree.Require();
        DocBlock sample = DocPages.Blocks.First(block =>
            block is { Page: "docs/aspnet.md", IsCSharp: true } && block.Text.Contains("app.Run()", StringComparison.Ordinal));
        using var folder = new DocFolder();
        var environment = new Dictionary<string, string> { ["ASPNETCORE_URLS"] = "http://127.0.0.1:0" };
        using Process server = folder.Start("dotnet", CSharpBlockTests.Command(folder, sample), environment);
        try
        {
            using var client = new HttpClient { BaseAddress = await AddressAsync(server), Timeout = TimeSpan.FromMinutes(1) };
            byte[] picture = await File.ReadAllBytesAsync(folder.Path("samples/rocket.jpg"));

            // Several at once: they take turns.
            HttpResponseMessage[] answers = await Task.WhenAll(
                Enumerable.Range(0, 4).Select(_ => client.PostAsync("/embed", new ByteArrayContent(picture))));
            float[][] embeddings = await Task.WhenAll(answers.Select(async answer =>
            {
                Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
                return JsonSerializer.Deserialize<float[]>(await answer.Content.ReadAsStringAsync())!;
            }));
            Assert.Equal(DocFolder.Narrow.HiddenSize, embeddings[0].Length);
            Assert.All(embeddings, embedding => Assert.Equal(embeddings[0], embedding));

            HttpResponseMessage refused = await client.PostAsync("/embed", new StringContent("no picture"));
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        }
        finally
        {
            server.Kill(entireProcessTree: true);
        }
    }

    private static async Task<Uri> AddressAsync(Process server)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var seen = new System.Text.StringBuilder();
        while (await server.StandardOutput.ReadLineAsync(deadline.Token) is { } line)
        {
            seen.AppendLine(line);
            if (Listening().Match(line) is { Success: true } match)
                return new Uri(match.Groups[1].Value);
        }

        string error = await server.StandardError.ReadToEndAsync(deadline.Token);
        throw new InvalidOperationException($"the service did not start:\n{seen}{error}");
    }

    [GeneratedRegex(@"Now listening on: (\S+)")]
    private static partial Regex Listening();
}
