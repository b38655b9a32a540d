using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>A <c>.safetensors</c> file with a tensor <c>embedding</c> F32 or F16, and <c>row</c>, <c>width</c>, <c>height</c> where it has them.</summary>
internal sealed class SafetensorsEmbeddingReader : IEmbeddingReader
{
    private const int MaxHeaderBytes = 1 << 20;

    private readonly Stream _stream;
    private readonly Tensor _embedding;
    private readonly Tensor? _row;
    private readonly Tensor? _width;
    private readonly Tensor? _height;
    private readonly byte[] _bytes;
    private long _next;

    /// <param name="stream">The file, disposed with the reader.</param>
    public SafetensorsEmbeddingReader(Stream stream)
    {
        _stream = stream;
        Dictionary<string, Tensor> tensors = ReadHeader(stream, out Provenance? provenance);
        if (!tensors.TryGetValue("embedding", out Tensor? embedding))
            throw new InvalidDataException("there is no tensor 'embedding'");
        if (embedding.Type is not ("F32" or "F16") || embedding.Shape.Length < 2 || !RowSchema.IsReadable(embedding.Shape.Skip(1)))
            throw new InvalidDataException($"the tensor 'embedding' is {embedding.Type} of ({string.Join(", ", embedding.Shape)}), expected F32 or F16 of (rows, values)");
        _embedding = embedding;
        _row = Column(tensors, "row", "I64");
        _width = Column(tensors, "width", "I32");
        _height = Column(tensors, "height", "I32");
        _bytes = new byte[embedding.RowBytes];
        Schema = new RowSchema([.. embedding.Shape.Skip(1).Select(side => (int)side)], embedding.Type == "F16" ? FloatType.Float16 : FloatType.Float32, false, [])
        {
            Provenance = provenance,
        };
    }

    public RowSchema Schema { get; }

    public RowInfo? Read(Span<float> values)
    {
        if (_next == _embedding.Shape[0])
            return null;
        ReadRow(_embedding, _bytes);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = _embedding.ElementSize == 2
                ? (float)BinaryPrimitives.ReadHalfLittleEndian(_bytes.AsSpan(i * 2))
                : BinaryPrimitives.ReadSingleLittleEndian(_bytes.AsSpan(i * 4));
        }

        var info = new RowInfo { Row = Cell(_row) ?? _next, Path = "", Width = Size(_width), Height = Size(_height), Error = EmbeddingFile.MissingValues(values) };
        _next++;
        return info;
    }

    public void Dispose() => _stream.Dispose();

    private static Dictionary<string, Tensor> ReadHeader(Stream stream, out Provenance? provenance)
    {
        Span<byte> lengthBytes = stackalloc byte[8];
        stream.ReadExactly(lengthBytes);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(lengthBytes);
        if (length > MaxHeaderBytes || (long)length > stream.Length - 8)
            throw new InvalidDataException($"not a safetensors file of embeddings: its header claims {length} bytes");
        byte[] header = new byte[length];
        stream.ReadExactly(header);
        long start = stream.Position;
        var tensors = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        using JsonDocument json = JsonDocument.Parse(header);
        provenance = json.RootElement.TryGetProperty("__metadata__", out JsonElement metadata) && metadata.TryGetProperty(Provenance.MetadataKey, out JsonElement made)
            ? Provenance.FromJson(Encoding.UTF8.GetBytes(made.GetString() ?? ""))
            : null;
        foreach (JsonProperty property in json.RootElement.EnumerateObject().Where(property => property.Name != "__metadata__"))
        {
            string type = property.Value.GetProperty("dtype").GetString() ?? "";
            long[] shape = [.. property.Value.GetProperty("shape").EnumerateArray().Select(side => side.GetInt64())];
            long[] offsets = [.. property.Value.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt64())];
            int size = type switch { "F32" or "I32" => 4, "F16" => 2, "I64" => 8, _ => 0 };
            if (size == 0)
                continue; // some other tensor
            if (offsets is not [long begin, long end] || begin < 0 || end < begin || end > stream.Length - start || shape.Length == 0 || shape.Any(side => side < 0))
                throw new InvalidDataException($"truncated, or the tensor '{property.Name}' claims bytes that the file does not have");
            long rowBytes = shape.Skip(1).Aggregate((long)size, (product, side) => checked(product * side));
            if (checked(rowBytes * shape[0]) != end - begin)
                throw new InvalidDataException($"the tensor '{property.Name}' has {end - begin} bytes, which does not fit its shape");
            tensors[property.Name] = new Tensor(type, shape, start + begin, size, rowBytes);
        }

        return tensors;
    }

    private Tensor? Column(Dictionary<string, Tensor> tensors, string name, string type)
    {
        if (!tensors.TryGetValue(name, out Tensor? tensor))
            return null;
        return tensor.Type == type && tensor.Shape.Length == 1 && tensor.Shape[0] == _embedding.Shape[0] ? tensor
            : throw new InvalidDataException($"the tensor '{name}' is {tensor.Type} of ({string.Join(", ", tensor.Shape)}), expected {type} of ({_embedding.Shape[0]})");
    }

    private void ReadRow(Tensor tensor, Span<byte> bytes)
    {
        _stream.Position = tensor.Start + _next * tensor.RowBytes;
        _stream.ReadExactly(bytes);
    }

    private long? Cell(Tensor? tensor)
    {
        if (tensor is null)
            return null;
        Span<byte> bytes = stackalloc byte[8];
        ReadRow(tensor, bytes[..tensor.ElementSize]);
        return tensor.ElementSize == 8 ? BinaryPrimitives.ReadInt64LittleEndian(bytes) : BinaryPrimitives.ReadInt32LittleEndian(bytes);
    }

    private int? Size(Tensor? tensor) => Cell(tensor) is { } size and >= 0 ? (int)size : null;

    private sealed record Tensor(string Type, long[] Shape, long Start, int ElementSize, long RowBytes);
}
