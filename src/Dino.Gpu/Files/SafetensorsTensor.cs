using System.Diagnostics.CodeAnalysis;

namespace Dino.Gpu.Files;

/// <summary>A tensor as the header of a <c>.safetensors</c> file describes it.</summary>
/// <param name="Name">Its key.</param>
/// <param name="Type">Element type as the format spells it, such as F32.</param>
/// <param name="Shape">Sides, outermost first.</param>
internal sealed record SafetensorsTensor(string Name, string Type, long[] Shape)
{
    /// <summary>First byte, counted from the end of the header.</summary>
    public long Begin { get; init; }

    /// <summary>Byte after the last, counted from the end of the header.</summary>
    public long End { get; init; }

    /// <summary>Bytes of an element; null for an unknown type.</summary>
    public int? ElementSize => Type switch
    {
        "F64" or "I64" or "U64" or "C64" => 8,
        "F32" or "I32" or "U32" => 4,
        "F16" or "BF16" or "I16" or "U16" => 2,
        "I8" or "U8" or "BOOL" or "F8_E4M3" or "F8_E5M2" or "F8_E8M0" => 1,
        _ => null,
    };

    /// <summary>Counts the elements.</summary>
    /// <returns>False if a side is negative or the product is beyond any array.</returns>
    public bool TryCount([NotNullWhen(true)] out long? elements)
    {
        long count = 1;
        foreach (long side in Shape)
        {
            if (side < 0 || (side != 0 && count > Array.MaxLength / side))
            {
                elements = null;
                return false;
            }

            count *= side;
        }

        elements = count;
        return true;
    }
}
