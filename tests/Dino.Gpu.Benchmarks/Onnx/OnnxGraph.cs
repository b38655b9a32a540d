using System.Runtime.InteropServices;
using Google.Protobuf;

namespace Dino.Gpu.Benchmarks.Onnx;

/// <summary>
/// Writes an ONNX model: nodes and initializers are collected, then <see cref="ToModel"/> gives the file. Field numbers
/// are those of <c>onnx.proto</c> (IR version 8, opset 17); the wire format is Google.Protobuf's.
/// </summary>
internal sealed class OnnxGraph(string name)
{
    private const int FloatType = 1;
    private const int SignedByteType = 3;
    private const int Int64Type = 7;

    private readonly List<byte[]> _nodes = [];
    private readonly List<byte[]> _initializers = [];
    private readonly List<byte[]> _inputs = [];
    private readonly List<byte[]> _outputs = [];
    private int _counter;

    /// <summary>Declares an input; a side below 0 is a free batch size.</summary>
    public string Input(string inputName, params long[] shape)
    {
        _inputs.Add(ValueInfo(inputName, shape));
        return inputName;
    }

    public void Output(string outputName, params long[] shape) => _outputs.Add(ValueInfo(outputName, shape));

    /// <summary>A float32 constant.</summary>
    public string Constant(ReadOnlySpan<float> values, params long[] shape) => Tensor(FloatType, MemoryMarshal.AsBytes(values), shape);

    /// <summary>An int64 constant, such as a shape.</summary>
    public string Constant(params long[] values) => Tensor(Int64Type, MemoryMarshal.AsBytes<long>(values), values.Length);

    /// <summary>A constant of signed bytes.</summary>
    public string ByteConstant(ReadOnlySpan<sbyte> values, params long[] shape) =>
        Tensor(SignedByteType, MemoryMarshal.AsBytes(values), shape);

    /// <summary>Adds a node with several outputs and returns their names.</summary>
    public string[] Node(string operation, string[] inputs, int outputs)
    {
        int number = _counter++;
        string[] names = [.. Enumerable.Range(0, outputs).Select(i => $"{operation}_{number}_{i}")];
        AddNode(operation, inputs, names, []);
        return names;
    }

    /// <summary>Adds a node with one output and returns the output's name.</summary>
    public string Node(string operation, string[] inputs, params OnnxAttribute[] attributes)
    {
        string output = $"{operation}_{_counter++}";
        AddNode(operation, inputs, [output], attributes);
        return output;
    }

    /// <summary>Adds a node whose output is an output of the graph.</summary>
    public void FinalNode(string operation, string[] inputs, string output, params OnnxAttribute[] attributes) =>
        AddNode(operation, inputs, [output], attributes);

    public byte[] ToModel()
    {
        byte[] graph = Message(stream =>
        {
            foreach (byte[] node in _nodes)
                WriteMessage(stream, 1, node);
            WriteString(stream, 2, name);
            foreach (byte[] initializer in _initializers)
                WriteMessage(stream, 5, initializer);
            foreach (byte[] input in _inputs)
                WriteMessage(stream, 11, input);
            foreach (byte[] output in _outputs)
                WriteMessage(stream, 12, output);
        });
        return Message(stream =>
        {
            WriteInteger(stream, 1, 8); // ir_version
            WriteMessage(stream, 7, graph);
            WriteMessage(stream, 8, Message(opset => WriteInteger(opset, 2, 17)));
        });
    }

    private void AddNode(string operation, string[] inputs, string[] outputs, OnnxAttribute[] attributes) => _nodes.Add(Message(stream =>
    {
        foreach (string input in inputs)
            WriteString(stream, 1, input);
        foreach (string output in outputs)
            WriteString(stream, 2, output);
        WriteString(stream, 3, outputs[0]);
        WriteString(stream, 4, operation);
        foreach (OnnxAttribute attribute in attributes)
            WriteMessage(stream, 5, Attribute(attribute));
    }));

    private string Tensor(int type, ReadOnlySpan<byte> bytes, params long[] shape)
    {
        string tensorName = $"constant_{_counter++}";
        ByteString raw = ByteString.CopyFrom(bytes);
        _initializers.Add(Message(stream =>
        {
            foreach (long side in shape)
                WriteInteger(stream, 1, side);
            WriteInteger(stream, 2, type);
            WriteString(stream, 8, tensorName);
            stream.WriteTag(9, WireFormat.WireType.LengthDelimited);
            stream.WriteBytes(raw);
        }));
        return tensorName;
    }

    private static byte[] Attribute(OnnxAttribute attribute) => Message(stream =>
    {
        WriteString(stream, 1, attribute.Name);
        switch (attribute.Value)
        {
            case float real:
                stream.WriteTag(2, WireFormat.WireType.Fixed32);
                stream.WriteFloat(real);
                WriteInteger(stream, 20, 1);
                break;
            case long integer:
                WriteInteger(stream, 3, integer);
                WriteInteger(stream, 20, 2);
                break;
            case long[] integers:
                foreach (long value in integers)
                    WriteInteger(stream, 8, value);
                WriteInteger(stream, 20, 7);
                break;
            default:
                throw new NotSupportedException(attribute.Name);
        }
    });

    private static byte[] ValueInfo(string valueName, long[] shape)
    {
        byte[] dimensions = Message(stream =>
        {
            foreach (long side in shape)
                WriteMessage(stream, 1, Message(dimension =>
                {
                    if (side < 0)
                        WriteString(dimension, 2, "batch");
                    else
                        WriteInteger(dimension, 1, side);
                }));
        });
        byte[] tensorType = Message(stream =>
        {
            WriteInteger(stream, 1, FloatType);
            WriteMessage(stream, 2, dimensions);
        });
        return Message(stream =>
        {
            WriteString(stream, 1, valueName);
            WriteMessage(stream, 2, Message(type => WriteMessage(type, 1, tensorType)));
        });
    }

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using var memory = new MemoryStream();
        using (var stream = new CodedOutputStream(memory, leaveOpen: true))
            write(stream);
        return memory.ToArray();
    }

    private static void WriteInteger(CodedOutputStream stream, int field, long value)
    {
        stream.WriteTag(field, WireFormat.WireType.Varint);
        stream.WriteInt64(value);
    }

    private static void WriteString(CodedOutputStream stream, int field, string value)
    {
        stream.WriteTag(field, WireFormat.WireType.LengthDelimited);
        stream.WriteString(value);
    }

    private static void WriteMessage(CodedOutputStream stream, int field, byte[] message)
    {
        stream.WriteTag(field, WireFormat.WireType.LengthDelimited);
        stream.WriteBytes(UnsafeByteOperations.UnsafeWrap(message));
    }
}

/// <summary>An attribute of a node: a float, a long or longs.</summary>
internal sealed record OnnxAttribute(string Name, object Value);
