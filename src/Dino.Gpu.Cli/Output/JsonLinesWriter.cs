using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Dino.Gpu.Cli.Output;

/// <summary>
/// One JSON object a line: <c>{"path":"cat.jpg","embedding":[0.1,...]}</c>, with <c>"shape"</c> where a row is more than a vector,
/// and <c>{"path":"bad.jpg","embedding":null,"error":"..."}</c>. Numbers are the shortest text that reads back as the same float32.
/// </summary>
internal sealed class JsonLinesWriter : IEmbeddingWriter
{
    // Lines are data, not HTML: letters of other languages in file names stay readable.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly OutputFile? _file;
    private readonly Stream? _stream;
    private readonly int[] _shape;
    private readonly ArrayBufferWriter<byte> _line = new();
    private readonly Utf8JsonWriter _json;

    private JsonLinesWriter(OutputFile? file, Stream? stream, int[] rowShape)
    {
        _file = file;
        _stream = stream;
        _shape = rowShape;
        _json = new Utf8JsonWriter(_line, Options);
    }

    /// <summary>Lines into a file, which appears when complete.</summary>
    /// <exception cref="DinoException">The file cannot be created there.</exception>
    public static JsonLinesWriter ToFile(string path, int[] rowShape) => new(new OutputFile(path), null, rowShape);

    /// <summary>Lines into a stream that the caller owns, such as standard output.</summary>
    public static JsonLinesWriter ToStream(Stream stream, int[] rowShape) => new(null, stream, rowShape);

    public void WriteRow(string path, ReadOnlySpan<float> row)
    {
        _json.WriteStartObject();
        _json.WriteString("path", path);
        if (_shape.Length > 1)
        {
            _json.WriteStartArray("shape");
            foreach (int side in _shape)
                _json.WriteNumberValue(side);
            _json.WriteEndArray();
        }

        _json.WriteStartArray("embedding");
        foreach (float value in row)
        {
            // JSON has no NaN; only a damaged checkpoint makes one.
            if (float.IsFinite(value))
                _json.WriteNumberValue(value);
            else
                _json.WriteNullValue();
        }

        _json.WriteEndArray();
        EndLine();
    }

    public void WriteFailure(string path, string reason)
    {
        _json.WriteStartObject();
        _json.WriteString("path", path);
        _json.WriteNull("embedding");
        _json.WriteString("error", reason);
        EndLine();
    }

    public void Flush() => _stream?.Flush();

    public void Complete()
    {
        _stream?.Flush();
        _file?.Complete();
    }

    public void Dispose()
    {
        _json.Dispose();
        _file?.Dispose();
    }

    private void EndLine()
    {
        _json.WriteEndObject();
        _json.Flush();
        _line.Write("\n"u8);
        _file?.Write(_line.WrittenSpan);
        _stream?.Write(_line.WrittenSpan);
        _line.ResetWrittenCount();
        _json.Reset();
    }
}
