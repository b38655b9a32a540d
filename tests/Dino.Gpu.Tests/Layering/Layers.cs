namespace Dino.Gpu.Tests.Layering;

/// <summary>
/// The layers of the projects, lowest first. A layer uses only layers above it in this list. It is a folder, named by
/// its namespace, or single types of a root namespace. Namespaces on one line are siblings: they do not use each other.
/// </summary>
internal static class Layers
{
    /// <summary>The door of the library: the only root types that stand above the folders.</summary>
    public const string Door = "DinoEncoder, DinoEncoderExtensions, DinoEncoderGroup, IDinoEncoder";

    public static readonly string[][] Order =
    [
        ["Dino.Gpu"], // exceptions and precisions: words that every folder uses
        ["Dino.Gpu.Files"],
        ["Dino.Gpu.Imaging"],
        ["Dino.Gpu.Devices"],
        ["Dino.Gpu.Model"],
        ["Dino.Gpu: DinoLayers, DinoOptions, DinoOutput, DinoOutputs, DinoTensor"],
        ["Dino.Gpu.Checkpoints", "Dino.Gpu.Vit"],
        ["Dino.Gpu.Kernels"],
        ["Dino.Gpu.Kernels.Portable"],
        ["Dino.Gpu.Kernels.Simd", "Dino.Gpu.Kernels.TensorCore"],
        ["Dino.Gpu.Kernels.Generated", "Dino.Gpu.Kernels.Warpgroup"],
        ["Dino.Gpu.Kernels.TensorCore.Generator"], // compiled into the tests only
        ["Dino.Gpu.Ops.Device"],
        ["Dino.Gpu.Ops.Portable"],
        ["Dino.Gpu.Ops.Generated", "Dino.Gpu.Ops.Simd", "Dino.Gpu.Ops.TensorCore"],
        ["Dino.Gpu.Pipeline"],
        ["Dino.Gpu.Features", "Dino.Gpu.Search", "Dino.Gpu.Serving"],
        ["Dino.Gpu.Classification"],
        [$"Dino.Gpu: {Door}"],
        ["Dino.Gpu.Extensions.AI"],
        ["Dino.Gpu.Data.Imaging", "Dino.Gpu.Data.Rows"],
        ["Dino.Gpu.Data.Formats"],
        ["Dino.Gpu.Data.Inputs", "Dino.Gpu.Data.Pictures"],
        ["Dino.Gpu.Data.Outputs"],
        ["Dino.Gpu.Data.Embedding"],
        ["Dino.Gpu.Data.Pages", "Dino.Gpu.Data.Runs"],
        ["Dino.Gpu.Data.Vectors"],
        ["Dino.Gpu.Server"],
        ["Dino.Gpu.Server.Requests"],
        ["Dino.Gpu.Server.Model"],
        ["Dino.Gpu.Server.Http", "Dino.Gpu.Server.Rpc"],
        ["Dino.Gpu.Server: DinoServerEndpointRouteBuilderExtensions, DinoServerServiceCollectionExtensions"],
        ["Dino.Gpu.Server.Hosting"],
        ["Dino.Gpu.Stores"],
        ["Dino.Gpu.Stores.Postgres", "Dino.Gpu.Stores.Qdrant"],
        ["Dino.Gpu.Stores: VectorStores"],
        ["Dino.Gpu.USearch"],
        ["Dino.Gpu.Cli.Terminal"],
        ["Dino.Gpu.Cli.Help"],
        ["Dino.Gpu.Cli.Commands"],
        ["Dino.Gpu.Cli"],
    ];

    /// <summary>The layer of a type; null for types of other software.</summary>
    /// <exception cref="InvalidOperationException">
    /// The namespace is ours and has no place in <see cref="Order"/>.
    /// </exception>
    public static int? Of(string typeNamespace, string typeName)
    {
        if (typeNamespace != "Dino.Gpu" && !typeNamespace.StartsWith("Dino.Gpu.", StringComparison.Ordinal))
            return null;
        int named = Array.FindIndex(Order, names => names.Any(name => IsNamed(name, typeNamespace, typeName)));
        int layer = named >= 0 ? named : Array.FindIndex(Order, names => names.Contains(typeNamespace));
        return layer >= 0
            ? layer
            : throw new InvalidOperationException($"{typeNamespace} has no layer: give it a place in {nameof(Layers)}.{nameof(Order)}.");
    }

    private static bool IsNamed(string layer, string typeNamespace, string typeName) =>
        layer.Split(": ") is [var space, var types] && space == typeNamespace && types.Split(", ").Contains(typeName);
}
