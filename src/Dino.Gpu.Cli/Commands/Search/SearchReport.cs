using System.Globalization;
using System.Text.Json;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Pages;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Spectre.Console;

namespace Dino.Gpu.Cli.Commands;

/// <summary>
/// Results on standard output: a table for each query on a terminal, tab-separated lines in a pipe and on a terminal
/// too narrow for tables, or JSON Lines. With thumbnails on a page, if there is one.
/// </summary>
internal sealed class SearchReport(CliConsole console, bool json, PicturePage? page)
{
    private readonly bool _isTable = console.OutputIsTerminal && !console.OutputIsNarrow;

    /// <summary>A cosine for people.</summary>
    public static string Score(double score) => score.ToString("F4", CultureInfo.InvariantCulture);

    /// <summary>Writes what comes before the first result.</summary>
    /// <param name="subtitle">What is searched, for the page.</param>
    public void Begin(string subtitle)
    {
        if (!json && !_isTable)
            console.Text.Write("query\trank\tscore\tpath\n");
        page?.Begin("dino search", subtitle);
    }

    /// <summary>Writes one query's results.</summary>
    public void Write(SearchResult result, CancellationToken cancellation)
    {
        if (json)
            console.WriteJson(json => WriteJson(json, result));
        else if (_isTable)
            WriteTable(result);
        else
            WriteLines(result);
        page?.Add(
            new PageCard("query", null, result.Query),
            [.. result.Hits.Select(hit => new PageCard($"{hit.Rank}", hit.Score, hit.Image))],
            cancellation);
    }

    /// <summary>Puts the page in its place.</summary>
    public void End() => page?.Complete();

    private void WriteLines(SearchResult result)
    {
        foreach (SearchHit hit in result.Hits)
        {
            console.Text.Write(string.Create(
                CultureInfo.InvariantCulture, $"{Name(result.Query)}\t{hit.Rank}\t{Score(hit.Score)}\t{Name(hit.Image)}\n"));
        }
    }

    private string Name(RowInfo row) => console.OutputIsTerminal ? TerminalText.Visible(RowName.Of(row)) : RowName.Of(row);

    private void WriteTable(SearchResult result)
    {
        console.Text.WriteLine(RowName.Of(result.Query));
        Table table = TableOutput.Create("rank", "score", "path");
        foreach (SearchHit hit in result.Hits)
            table.Add(hit.Rank.ToString(CultureInfo.InvariantCulture), Score(hit.Score), RowName.Of(hit.Image));
        console.Write(table);
    }

    private static void WriteJson(Utf8JsonWriter line, SearchResult result)
    {
        line.WriteStartObject();
        line.WriteString("query", JsonLinesWriter.Unicode(result.Query.Path));
        if (result.Query.File is not null)
            line.WriteString("file", JsonLinesWriter.Unicode(result.Query.File));
        line.WriteNumber("row", result.Query.Row);
        line.WriteStartArray("neighbours");
        foreach (SearchHit hit in result.Hits)
        {
            line.WriteStartObject();
            line.WriteNumber("rank", hit.Rank);
            line.WriteNumber("score", hit.Score);
            if (hit.Image.Row >= 0) // rows of a database have none
                line.WriteNumber("row", hit.Image.Row);
            line.WriteString("path", JsonLinesWriter.Unicode(hit.Image.Path));
            if (hit.Image.Archive is not null)
                line.WriteString("archive", JsonLinesWriter.Unicode(hit.Image.Archive));
            line.WriteEndObject();
        }

        line.WriteEndArray();
        line.WriteEndObject();
    }
}
