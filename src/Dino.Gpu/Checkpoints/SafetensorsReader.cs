using System.Buffers.Binary;
using System.Text.Json;

namespace Dino.Gpu.Checkpoints;

/// <summary>Finds the tensors of a <c>.safetensors</c> file: an int64 length, a JSON header of that length, then the bytes of the tensors without gaps.</summary>
internal static class SafetensorsReader
{
    private const int LengthBytes = 8;
    private const int MaxHeaderBytes = 16 << 20;

    /// <summary>A header opens with a brace, whatever length it claims.</summary>
    public static bool IsSafetensors(ReadOnlySpan<byte> start) => start.Length > LengthBytes && start[LengthBytes] == '{';

    /// <exception cref="DinoException">The header is broken or lies about the data.</exception>
    public static TensorTable Read(CheckpointFile file)
    {
        Span<byte> lengthBytes = stackalloc byte[LengthBytes];
        file.Read(0, lengthBytes, "the safetensors header");
        ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(lengthBytes);
        if (headerLength > MaxHeaderBytes) throw file.Error($"bad safetensors: the header claims {headerLength} bytes, at most {MaxHeaderBytes} are read");
        byte[] header = file.Length - LengthBytes >= (long)headerLength
            ? new byte[headerLength]
            : throw file.Error($"truncated: the safetensors header claims {headerLength} bytes, the file has {file.Length}");
        file.Read(LengthBytes, header, "the safetensors header");

        var parser = new Parser(file, LengthBytes + (long)headerLength);
        try
        {
            parser.Parse(header);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            // InvalidOperationException: the reader found text that is not UTF-8. Both name the place; the reader's own words fit no line.
            throw file.Error("bad safetensors: the header is not valid JSON");
        }

        parser.CheckCoverage();
        return new TensorTable { Format = CheckpointFormat.Safetensors, Tensors = parser.Tensors, Metadata = parser.Metadata };
    }

    private sealed class Parser(CheckpointFile file, long dataStart)
    {
        private readonly HashSet<string> _names = new(StringComparer.Ordinal);
        private readonly List<(long Begin, long End, string Name)> _ranges = [];

        public List<TensorEntry> Tensors { get; } = [];

        public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

        /// <summary>Token by token rather than into a document, which would hide a name that occurs twice.</summary>
        public void Parse(ReadOnlySpan<byte> header)
        {
            var reader = new Utf8JsonReader(header, new JsonReaderOptions { MaxDepth = 8 });
            Expect(ref reader, JsonTokenType.StartObject);
            while (Next(ref reader) == JsonTokenType.PropertyName)
            {
                string name = reader.GetString()!;
                if (!_names.Add(name)) throw file.Error($"bad safetensors: two entries named {CheckpointFile.Quote(name)}");
                Expect(ref reader, JsonTokenType.StartObject);
                if (name == "__metadata__") ParseMetadata(ref reader);
                else ParseTensor(ref reader, name);
            }

            if (reader.Read()) throw new JsonException();
        }

        public void CheckCoverage()
        {
            _ranges.Sort();
            long next = 0;
            foreach ((long begin, long end, string name) in _ranges)
            {
                if (begin < next) throw file.Error($"bad safetensors: tensor {CheckpointFile.Quote(name)} overlaps another at data byte {begin}");
                if (begin > next) throw file.Error($"bad safetensors: a gap of {begin - next} bytes before tensor {CheckpointFile.Quote(name)}");
                next = end;
            }

            if (next != file.Length - dataStart) throw file.Error($"bad safetensors: {file.Length - dataStart - next} bytes after the last tensor");
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
                        throw file.Error($"bad safetensors: tensor {CheckpointFile.Quote(name)} has an unknown or repeated property {CheckpointFile.Quote(property)}");
                }
            }

            Add(name, type, shape, offsets);
        }

        private void Add(string name, string? type, long[]? shape, long[]? offsets)
        {
            string label = CheckpointFile.Quote(name);
            if (type is null || shape is null || offsets is not [long begin, long end]) throw file.Error($"bad safetensors: tensor {label} lacks dtype, shape or a pair of data_offsets");
            if (ElementTypes.FromSafetensors(type) is not { } elementType) throw file.Error($"tensor {label} has the type {CheckpointFile.Quote(type)}, expected F32, F16, BF16 or F64");
            long available = file.Length - dataStart;
            if (begin < 0 || end < begin || end > available)
                throw file.Error($"bad safetensors: tensor {label} claims data bytes {begin} to {end}, the file has {available}");

            long length = (end - begin) / elementType.Size();
            var entry = new TensorEntry(file, name, elementType, shape, null, dataStart + begin, length, 0);
            if (entry.ElementCount * elementType.Size() != end - begin)
                throw file.Error($"bad safetensors: tensor {label} is {CheckpointFile.ShapeText(shape)} {type} in {end - begin} bytes, expected {entry.ElementCount * elementType.Size()}");
            Tensors.Add(entry);
            _ranges.Add((begin, end, name));
        }

        private long[] Integers(ref Utf8JsonReader reader, string name)
        {
            var values = new List<long>();
            Expect(ref reader, JsonTokenType.StartArray);
            while (Next(ref reader) == JsonTokenType.Number)
            {
                if (!reader.TryGetInt64(out long value)) throw file.Error($"bad safetensors: a size or offset of tensor {CheckpointFile.Quote(name)} is not an integer of 64 bits");
                values.Add(value);
            }

            return reader.TokenType == JsonTokenType.EndArray ? [.. values] : throw new JsonException();
        }

        private static void Expect(ref Utf8JsonReader reader, JsonTokenType type)
        {
            if (Next(ref reader) != type) throw new JsonException();
        }

        private static JsonTokenType Next(ref Utf8JsonReader reader) => reader.Read() ? reader.TokenType : throw new JsonException();
    }
}
