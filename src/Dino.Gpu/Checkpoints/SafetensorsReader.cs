using Dino.Gpu.Files;

namespace Dino.Gpu.Checkpoints;

/// <summary>Finds the tensors of a <c>.safetensors</c> checkpoint.</summary>
internal static class SafetensorsReader
{
    /// <exception cref="DinoException">
    /// The header is broken, lies about the data, or names a type that is not known.
    /// </exception>
    public static TensorTable Read(CheckpointFile file, string? branch = null)
    {
        SafetensorsHeader header = ReadHeader(file);
        return new TensorTable
        {
            Format = CheckpointFormat.Safetensors,
            Tensors = [.. header.Tensors.Where(tensor => !IsOther(tensor)).Select(tensor => Entry(file, tensor, header.DataStart))],
            NonTensors = [.. header.Tensors.Where(IsOther).Select(tensor => tensor.Name)],
            Metadata = header.Metadata,
            WantedBranch = branch,
        };
    }

    /// <summary>Whether it is of a type of the format that no weight of a ViT has, such as an 8-bit float.</summary>
    private static bool IsOther(SafetensorsTensor tensor) =>
        tensor.ElementSize is not null && ElementTypes.FromSafetensors(tensor.Type) is null;

    private static SafetensorsHeader ReadHeader(CheckpointFile file)
    {
        Span<byte> start = stackalloc byte[SafetensorsHeader.LengthBytes];
        file.Read(0, start, "the safetensors header");
        try
        {
            byte[] json = new byte[SafetensorsHeader.JsonLength(start, file.Length)];
            file.Read(SafetensorsHeader.LengthBytes, json, "the safetensors header");
            return SafetensorsHeader.Parse(json, file.Length);
        }
        catch (InvalidDataException failure)
        {
            throw file.Error(failure.Message);
        }
    }

    private static TensorEntry Entry(CheckpointFile file, SafetensorsTensor tensor, long dataStart)
    {
        if (ElementTypes.FromSafetensors(tensor.Type) is not { } type)
        {
            throw file.Error(
                $"tensor {MessageText.Quote(tensor.Name)} has the type {MessageText.Quote(tensor.Type)}, expected F32, F16, BF16 or F64");
        }
        long elements = (tensor.End - tensor.Begin) / type.Size();
        return new TensorEntry(file, tensor.Name, type, tensor.Shape, null, dataStart + tensor.Begin, elements, 0);
    }
}
