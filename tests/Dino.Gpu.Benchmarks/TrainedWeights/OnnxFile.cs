using System.Runtime.InteropServices;
using Google.Protobuf;

namespace Dino.Gpu.Benchmarks.TrainedWeights;

/// <summary>
/// The nodes and float32 initializers of an ONNX model. Field numbers are those of <c>onnx.proto</c>; the wire format
/// is Google.Protobuf's.
/// </summary>
internal sealed class OnnxFile
{
    private const int FloatType = 1;

    private readonly Dictionary<string, OnnxTensor> _initializers = [];
    private readonly List<OnnxNode> _nodes = [];

    private OnnxFile()
    {
    }

    /// <summary>In the order of the file.</summary>
    public IReadOnlyList<OnnxNode> Nodes => _nodes;

    /// <summary>By name.</summary>
    public IReadOnlyDictionary<string, OnnxTensor> Initializers => _initializers;

    public static OnnxFile Read(ReadOnlySpan<byte> model)
    {
        var file = new OnnxFile();
        foreach ((int _, byte[] graph) in Messages(model.ToArray(), field: 7))
        {
            foreach ((int field, byte[] part) in Messages(graph, 1, 5))
            {
                if (field == 1)
                    file._nodes.Add(Node(part));
                else if (Tensor(part) is { } tensor)
                    file._initializers[tensor.Name] = tensor;
            }
        }

        return file;
    }

    private static OnnxNode Node(byte[] message)
    {
        string[] Strings(int wanted) => [.. Messages(message, wanted).Select(text => System.Text.Encoding.UTF8.GetString(text.Bytes))];
        return new OnnxNode(Strings(4).FirstOrDefault(""), Strings(1), Strings(2));
    }

    /// <summary>Null for other types than float32.</summary>
    private static OnnxTensor? Tensor(byte[] message)
    {
        var input = new CodedInputStream(message);
        var shape = new List<int>();
        string name = "";
        long type = 0;
        byte[] raw = [];
        float[]? values = null;
        while (input.ReadTag() is var tag and not 0)
        {
            switch (WireFormat.GetTagFieldNumber(tag), WireFormat.GetTagWireType(tag))
            {
                case (1, WireFormat.WireType.Varint): shape.Add((int)input.ReadInt64()); break;
                case (1, WireFormat.WireType.LengthDelimited):
                    for (var packed = new CodedInputStream(input.ReadBytes().ToByteArray()); !packed.IsAtEnd;)
                        shape.Add((int)packed.ReadInt64());
                    break;
                case (2, _): type = input.ReadInt64(); break;
                case (4, WireFormat.WireType.LengthDelimited):
                    values = MemoryMarshal.Cast<byte, float>(input.ReadBytes().Span).ToArray(); break;
                case (8, _): name = input.ReadString(); break;
                case (9, _): raw = input.ReadBytes().ToByteArray(); break;
                default: input.SkipLastField(); break;
            }
        }

        return type == FloatType ? new OnnxTensor(name, [.. shape], values ?? MemoryMarshal.Cast<byte, float>(raw).ToArray()) : null;
    }

    /// <summary>The length-delimited fields of some numbers.</summary>
    private static IEnumerable<(int Field, byte[] Bytes)> Messages(byte[] message, params int[] field)
    {
        var input = new CodedInputStream(message);
        while (input.ReadTag() is var tag and not 0)
        {
            int number = WireFormat.GetTagFieldNumber(tag);
            if (field.Contains(number) && WireFormat.GetTagWireType(tag) == WireFormat.WireType.LengthDelimited)
                yield return (number, input.ReadBytes().ToByteArray());
            else
                input.SkipLastField();
        }
    }
}

/// <summary>An operator and the names of what it reads and writes.</summary>
internal sealed record OnnxNode(string Operator, string[] Inputs, string[] Outputs);

/// <summary>A float32 constant, row-major.</summary>
internal sealed record OnnxTensor(string Name, int[] Shape, float[] Values);
