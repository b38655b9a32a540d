using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;

namespace Dino.Gpu.Files;

/// <summary>
/// The header of a <c>.safetensors</c> file: an int64 length, then JSON of that length. The bytes of the tensors follow
/// without gaps. All reading and writing of headers is here.
/// </summary>
internal sealed class SafetensorsHeader
{
    /// <summary>Bytes of the length before the JSON.</summary>
    public const int LengthBytes = 8;

    /// <summary>The longest JSON that is read. A checkpoint of 100 000 tensors has 13 MB.</summary>
    private const int MaxBytes = 16 << 20;

    private const int Alignment = 8;
    private const string MetadataKey = "__metadata__";

    /// <summary>The tensors in the order of the JSON.</summary>
    public required IReadOnlyList<SafetensorsTensor> Tensors { get; init; }

    /// <summary>Free text that goes with the tensors.</summary>
    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    /// <summary>Offset in the file of the tensors' first byte.</summary>
    public required long DataStart { get; init; }

    /// <summary>
    /// Whether a file may be a <c>.safetensors</c> file: its JSON opens with a brace, whatever length it claims.
    /// </summary>
    public static bool IsAtStart(ReadOnlySpan<byte> start) => start.Length > LengthBytes && start[LengthBytes] == '{';

    /// <summary>
    /// Returns the length of the JSON in bytes, checked against the file before anything is allocated.
    /// </summary>
    /// <param name="start">The first <see cref="LengthBytes"/> bytes.</param>
    /// <param name="fileLength">Bytes of the file.</param>
    /// <exception cref="InvalidDataException">
    /// The header claims more bytes than the file has, or than are read.
    /// </exception>
    public static int JsonLength(ReadOnlySpan<byte> start, long fileLength)
    {
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (length > MaxBytes)
            throw new InvalidDataException($"bad safetensors: the header claims {length} bytes, at most {MaxBytes} are read");
        if ((long)length > fileLength - LengthBytes)
            throw new InvalidDataException($"truncated: the safetensors header claims {length} bytes, the file has {fileLength}");
        return (int)length;
    }

    /// <summary>
    /// Parses the JSON, and checks that every tensor lies inside the file and that together they fill it.
    /// </summary>
    /// <param name="json">The JSON: <see cref="JsonLength"/> bytes.</param>
    /// <param name="fileLength">Bytes of the file.</param>
    /// <exception cref="InvalidDataException">The JSON is broken, or does not match the data.</exception>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long fileLength)
    {
        long start = LengthBytes + json.Length;
        var parser = new Parser(fileLength - start);
        try
        {
            parser.Parse(json);
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException or FormatException)
        {
            // InvalidOperationException means text that is not UTF-8. The reader's own message does not fit one line.
            throw new InvalidDataException("bad safetensors: the header is not valid JSON", failure);
        }

        parser.CheckCoverage();
        return new SafetensorsHeader { Tensors = parser.Tensors, Metadata = parser.Metadata, DataStart = start };
    }

    /// <summary>Returns the length, the JSON, and spaces that align the data, as the format recommends.</summary>
    /// <param name="tensors">The tensors in the order of their data.</param>
    /// <param name="metadata">Free text that goes with the tensors.</param>
    /// <param name="leastBytes">Spaces fill the header up to this length, so that it can be overwritten later.</param>
    public static byte[] Write(
        IEnumerable<SafetensorsTensor> tensors, IEnumerable<KeyValuePair<string, string>> metadata, int leastBytes = 0)
    {
        var text = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(text))
        {
            json.WriteStartObject();
            json.WriteStartObject(MetadataKey);
            foreach ((string key, string value) in metadata)
                json.WriteString(key, value);
            json.WriteEndObject();
            long offset = 0;
            foreach (SafetensorsTensor tensor in tensors)
            {
                long end = offset + tensor.Shape.Aggregate((long)tensor.ElementSize!, (product, side) => checked(product * side));
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type);
                WriteIntegers(json, "shape", tensor.Shape);
                WriteIntegers(json, "data_offsets", [offset, end]);
                json.WriteEndObject();
                offset = end;
            }

            json.WriteEndObject();
        }

        int length = (text.WrittenCount + Alignment - 1) / Alignment * Alignment;
        byte[] header = new byte[Math.Max(LengthBytes + length, leastBytes)];
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - LengthBytes);
        header.AsSpan(LengthBytes).Fill((byte)' ');
        text.WrittenSpan.CopyTo(header.AsSpan(LengthBytes));
        return header;
    }

    private static void WriteIntegers(Utf8JsonWriter json, string name, ReadOnlySpan<long> values)
    {
        json.WriteStartArray(name);
        foreach (long value in values)
            json.WriteNumberValue(value);
        json.WriteEndArray();
    }

    /// <param name="available">Bytes after the header.</param>
    private sealed class Parser(long available)
    {
        private readonly HashSet<string> _names = new(StringComparer.Ordinal);

        public List<SafetensorsTensor> Tensors { get; } = [];

        public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

        /// <summary>Reads token by token. A parsed document would hide a name that occurs twice.</summary>
        public void Parse(ReadOnlySpan<byte> json)
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 8 });
            Expect(ref reader, JsonTokenType.StartObject);
            while (Next(ref reader) == JsonTokenType.PropertyName)
            {
                string name = reader.GetString()!;
                if (!_names.Add(name))
                    throw Bad($"two entries named {MessageText.Quote(name)}");
                Expect(ref reader, JsonTokenType.StartObject);
                if (name == MetadataKey)
                    ParseMetadata(ref reader);
                else
                    ParseTensor(ref reader, name);
            }

            if (reader.Read())
                throw new JsonException();
        }

        public void CheckCoverage()
        {
            long next = 0;
            foreach (SafetensorsTensor tensor in Tensors.OrderBy(tensor => tensor.Begin).ThenBy(tensor => tensor.End))
            {
                string label = MessageText.Quote(tensor.Name);
                if (tensor.Begin < next)
                    throw Bad($"tensor {label} overlaps another at data byte {tensor.Begin}");
                if (tensor.Begin > next)
                    throw Bad($"a gap of {tensor.Begin - next} bytes before tensor {label}");
                next = tensor.End;
            }

            if (next != available)
                throw Bad($"{available - next} bytes after the last tensor");
        }

        private void ParseMetadata(ref Utf8JsonReader reader)
        {
            while (Next(ref reader) == JsonTokenType.PropertyName)
            {
                string key = reader.GetString()!;
                Expect(ref reader, JsonTokenType.String);
                Metadata[key] = reader.GetString()!;
            }
        }

        private void ParseTensor(ref Utf8JsonReader reader, string name)
        {
            string? type = null;
            long[]? shape = null;
            long[]? offsets = null;
            while (Next(ref reader) == JsonTokenType.PropertyName)
            {
                string property = reader.GetString()!;
                switch (property)
                {
                    case "dtype" when type is null:
                        Expect(ref reader, JsonTokenType.String);
                        type = reader.GetString()!;
                        break;
                    case "shape" when shape is null:
                        shape = Integers(ref reader, name);
                        break;
                    case "data_offsets" when offsets is null:
                        offsets = Integers(ref reader, name);
                        break;
                    default:
                        throw Bad($"tensor {MessageText.Quote(name)} has an unknown or repeated property {MessageText.Quote(property)}");
                }
            }

            if (type is null || shape is null || offsets is not [long begin, long end])
                throw Bad($"tensor {MessageText.Quote(name)} lacks dtype, shape or a pair of data_offsets");
            var tensor = new SafetensorsTensor(name, type, shape) { Begin = begin, End = end };
            Check(tensor);
            Tensors.Add(tensor);
        }

        /// <summary>
        /// Checks that the bytes of a tensor are in the file, and that there are as many as its shape needs.
        /// </summary>
        private void Check(SafetensorsTensor tensor)
        {
            (long begin, long end) = (tensor.Begin, tensor.End);
            string label = MessageText.Quote(tensor.Name), shape = MessageText.Shape(tensor.Shape);
            if (begin < 0 || end < begin || end > available)
                throw Bad($"tensor {label} claims data bytes {begin} to {end}, the file has {available}");
            if (!tensor.TryCount(out long? elements))
                throw Bad($"tensor {label} {(tensor.Shape.Any(side => side < 0) ? "has a negative size" : "is absurdly large")}: {shape}");
            if (tensor.ElementSize is { } size && elements * size != end - begin)
                throw Bad($"tensor {label} is {shape} {tensor.Type} in {end - begin} bytes, expected {elements * size}");
        }

        private static long[] Integers(ref Utf8JsonReader reader, string name)
        {
            var values = new List<long>();
            Expect(ref reader, JsonTokenType.StartArray);
            while (Next(ref reader) == JsonTokenType.Number)
            {
                if (!reader.TryGetInt64(out long value))
                    throw Bad($"a size or offset of tensor {MessageText.Quote(name)} is not an integer of 64 bits");
                values.Add(value);
            }

            return reader.TokenType == JsonTokenType.EndArray ? [.. values] : throw new JsonException();
        }

        private static InvalidDataException Bad(string problem) => new("bad safetensors: " + problem);

        private static void Expect(ref Utf8JsonReader reader, JsonTokenType type)
        {
            if (Next(ref reader) != type)
                throw new JsonException();
        }

        private static JsonTokenType Next(ref Utf8JsonReader reader) => reader.Read() ? reader.TokenType : throw new JsonException();
    }
}
