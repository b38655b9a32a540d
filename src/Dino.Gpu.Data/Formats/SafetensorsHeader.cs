using System.Buffers;
using System.Text.Json;
using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Formats;

/// <summary>A tensor as the header of a <c>.safetensors</c> file names it.</summary>
/// <param name="Name">Its key.</param>
/// <param name="Type">Such as F32.</param>
/// <param name="Size">Bytes of a value.</param>
/// <param name="Shape">Outermost first.</param>
internal readonly record struct SafetensorsEntry(string Name, string Type, int Size, long[] Shape);

/// <summary>The header of a <c>.safetensors</c> file.</summary>
internal static class SafetensorsHeader
{
    /// <summary>The JSON, without the length before it and padding behind. The tensors' data follow each other in this order.</summary>
    public static ReadOnlySpan<byte> Json(IReadOnlyList<SafetensorsEntry> tensors, Provenance? provenance = null)
    {
        var text = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(text))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            json.WriteString("format", "dino.gpu");
            if (provenance is not null)
                json.WriteString(Provenance.MetadataKey, provenance.ToJson()); // metadata is text
            json.WriteEndObject();
            long offset = 0;
            foreach (SafetensorsEntry tensor in tensors)
            {
                long end = offset + tensor.Shape.Aggregate((long)tensor.Size, (product, side) => checked(product * side));
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type);
                WriteIntegers(json, "shape", tensor.Shape);
                WriteIntegers(json, "data_offsets", [offset, end]);
                json.WriteEndObject();
                offset = end;
            }

            json.WriteEndObject();
        }

        return text.WrittenSpan;
    }

    private static void WriteIntegers(Utf8JsonWriter json, string name, long[] values)
    {
        json.WriteStartArray(name);
        foreach (long value in values)
            json.WriteNumberValue(value);
        json.WriteEndArray();
    }
}
