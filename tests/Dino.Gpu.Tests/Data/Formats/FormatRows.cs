using Dino.Gpu.Data.Formats;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Tests.Data.Formats;

/// <summary>A file's rows: written by one format and read back.</summary>
internal sealed record FormatRow(RowInfo Info, float[] Values);

/// <summary>Rows with everything that a format may trip over.</summary>
internal static class FormatRows
{
    public static readonly string[] HostileTexts =
        [
            "cat.jpg", "a,b.jpg", "\"quoted\".jpg", "line\nbreak", "line\r\nbreak", " spaces ", "tab\there", "häns/日本語.png",
            "emoji 🐈‍⬛.jpg", "'", "\\", "=1+1", "#x", "null", "NaN", "{\"a\":1}", ";", "\u2028", "long " + new string('x', 5000)
        ];

    public static readonly CarriedColumn[] Columns =
    [
        new("label", ColumnType.Text), new("id", ColumnType.Integer), new("score", ColumnType.Number), new("seen", ColumnType.Boolean),
        new("spaced, \"name\"", ColumnType.Text), new("größe", ColumnType.Integer),
    ];

    public static RowSchema Schema(FloatType type = FloatType.Float32, params int[] shape) =>
        new(shape.Length == 0 ? [3] : shape, type, true, Columns);

    /// <summary>Seeded rows; every fifth failed, every third lacks a carried cell.</summary>
    public static List<FormatRow> Make(RowSchema schema, int count, bool missing = true)
    {
        var random = new Random(count);
        var rows = new List<FormatRow>();
        for (int i = 0; i < count; i++)
        {
            bool failed = i % 5 == 4;
            string text = HostileTexts[i % HostileTexts.Length];
            object?[] cells = [text, i * 10_000_000_000L - 5, i - 0.25, i % 2 == 0, "", (long)i];
            if (missing && i % 3 == 1)
                cells = [null, null, null, null, null, null];
            float[] values = [.. Enumerable.Range(0, schema.Length).Select(_ => failed ? float.NaN : random.NextSingle() * 20 - 10)];
            rows.Add(new FormatRow(
                new RowInfo
                {
                    Row = i,
                    Path = text,
                    Width = failed ? null : 640 + i,
                    Height = failed ? null : 480,
                    Sha256 = !schema.Sha256 || failed ? null : new string("0123456789abcdef"[i % 16], 64),
                    Error = failed ? "truncated, \"at\"\nbyte 7 💥" : null,
                    Columns = cells[..schema.Columns.Count],
                },
                values));
        }

        return rows;
    }

    public static byte[] Write(string path, RowSchema schema, IEnumerable<FormatRow> rows, int flushEvery = int.MaxValue)
    {
        using (IEmbeddingWriter writer = FormatCatalog.Create(FormatCatalog.FromExtension(path)!, path, schema))
        {
            int count = 0;
            foreach (FormatRow row in rows)
            {
                writer.Write(row.Info, row.Values);
                if (++count % flushEvery == 0)
                    writer.Flush();
            }

            writer.Complete();
        }

        return File.ReadAllBytes(path);
    }

    public static (RowSchema Schema, List<FormatRow> Rows) Read(string path)
    {
        using IEmbeddingReader reader = FormatCatalog.OpenReader(path);
        var rows = new List<FormatRow>();
        float[] values = new float[reader.Schema.Length];
        while (reader.Read(values) is { } info)
            rows.Add(new FormatRow(info, [.. values]));
        return (reader.Schema, rows);
    }

    /// <summary>The rows that a format is expected to give back, given what it stores.</summary>
    public static void AssertSame(string format, RowSchema schema, List<FormatRow> expected, List<FormatRow> found)
    {
        bool texts = format is not ("npy" or "safetensors");
        Assert.Equal(expected.Count, found.Count);
        for (int i = 0; i < expected.Count; i++)
        {
            (RowInfo wrote, RowInfo read) = (expected[i].Info, found[i].Info);
            float[] values = schema.Type == FloatType.Float16
                ? [.. expected[i].Values.Select(value => (float)(Half)value)]
                : expected[i].Values;
            Assert.Equal(values.Select(BitConverter.SingleToInt32Bits), found[i].Values.Select(BitConverter.SingleToInt32Bits));
            Assert.Equal(wrote.Row, read.Row);
            Assert.Equal(texts ? wrote.Path : "", read.Path);
            Assert.Equal(format == "npy" ? null : wrote.Width, read.Width);
            Assert.Equal(format == "npy" ? null : wrote.Height, read.Height);
            Assert.Equal(texts ? wrote.Sha256 : null, read.Sha256);
            Assert.Equal(texts ? wrote.Error : wrote.Error is null ? null : "no embedding", read.Error);
            if (texts)
                Assert.Equal(wrote.Columns.Select((cell, column) => Expected(format, cell, schema.Columns[column].Type)), read.Columns);
        }
    }

    /// <summary>CSV has no types, and NumPy no missing text, integer or truth value.</summary>
    private static object? Expected(string format, object? cell, ColumnType type) => (format, cell) switch
    {
        ("csv", bool truth) => truth ? "true" : "false",
        ("csv", IFormattable number) => number.ToString(null, System.Globalization.CultureInfo.InvariantCulture),
        ("npz", null) when type == ColumnType.Text => "",
        ("npz", long integer) => (double)integer,
        ("npz", bool truth) => truth ? 1.0 : 0.0,
        _ => cell,
    };
}
