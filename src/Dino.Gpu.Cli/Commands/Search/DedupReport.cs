using System.Globalization;
using System.Text.Json;
using Dino.Gpu.Cli.Terminal;
using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Pages;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Data.Vectors;
using Spectre.Console;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Groups on standard output.</summary>
internal sealed class DedupReport(CliConsole console, DedupOutput kind)
{
    private readonly Table? _table = kind == DedupOutput.Table && console.OutputIsTerminal && !console.OutputIsNarrow
        ? TableOutput.Create("group", "", "score", "size", "path")
        : null;

    public void Begin()
    {
        if (kind == DedupOutput.Table && _table is null)
            console.Text.Write("group\taction\tscore\twidth\theight\tpath\n");
    }

    public void Write(DuplicateGroup group)
    {
        switch (kind)
        {
            case DedupOutput.Json:
                console.WriteJson(json => WriteJson(json, group));
                break;
            case DedupOutput.List:
                break; // see WritePaths
            default:
                WriteRow(group.Number, "keep", null, group.Keep);
                foreach ((RowInfo image, double score) in group.References)
                    WriteRow(group.Number, "reference", score, image);
                foreach ((RowInfo image, double score) in group.Duplicates)
                    WriteRow(group.Number, "duplicate", score, image);
                break;
        }
    }

    /// <summary>Writes the paths of the pictures that could go, one per line.</summary>
    public void WritePaths(IEnumerable<string> paths)
    {
        foreach (string path in paths)
            console.Text.Write(Name(path) + "\n");
    }

    public void End()
    {
        if (_table is not null)
            console.Write(_table);
    }

    /// <summary>A script needs the name as it is.</summary>
    private string Name(string path) => console.OutputIsTerminal ? TerminalText.Visible(path) : path;

    private void WriteRow(int group, string action, double? score, RowInfo image)
    {
        string number = group.ToString(CultureInfo.InvariantCulture);
        string cosine = score is { } value ? SearchReport.Score(value) : "";
        if (_table is not null)
            _table.Add(number, action, cosine, image.Width is null ? "" : $"{image.Width}x{image.Height}", RowName.Of(image));
        else
            console.Text.Write($"{number}\t{action}\t{cosine}\t{image.Width}\t{image.Height}\t{Name(RowName.Of(image))}\n");
    }

    private static void WriteJson(Utf8JsonWriter line, DuplicateGroup group)
    {
        line.WriteStartObject();
        line.WriteNumber("group", group.Number);
        line.WriteStartObject("keep");
        WriteImage(line, group.Keep);
        line.WriteEndObject();
        if (group.References.Count > 0)
            WriteImages(line, "references", group.References);
        WriteImages(line, "duplicates", group.Duplicates);
        line.WriteEndObject();
    }

    private static void WriteImages(Utf8JsonWriter line, string name, IReadOnlyList<ScoredPicture> images)
    {
        line.WriteStartArray(name);
        foreach ((RowInfo image, double score) in images)
        {
            line.WriteStartObject();
            WriteImage(line, image);
            line.WriteNumber("score", score);
            line.WriteEndObject();
        }

        line.WriteEndArray();
    }

    private static void WriteImage(Utf8JsonWriter line, RowInfo image)
    {
        if (image.File is not null)
            line.WriteString("file", JsonLinesWriter.Unicode(image.File));
        line.WriteNumber("row", image.Row);
        line.WriteString("path", JsonLinesWriter.Unicode(image.Path));
        if (image.Archive is not null)
            line.WriteString("archive", JsonLinesWriter.Unicode(image.Archive));
        if (image is { Width: { } width, Height: { } height })
        {
            line.WriteNumber("width", width);
            line.WriteNumber("height", height);
        }
    }
}
