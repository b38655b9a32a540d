using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Dino.Gpu.Tests.Model;

/// <summary>Writes pickles and torch archives opcode by opcode, the honest and the hostile.</summary>
internal sealed class PickleBuilder
{
    private readonly MemoryStream _bytes = new();

    public byte[] ToArray() => _bytes.ToArray();

    public PickleBuilder Raw(params byte[] bytes)
    {
        _bytes.Write(bytes);
        return this;
    }

    public PickleBuilder Op(char operation) => Raw((byte)operation);

    public PickleBuilder Protocol(byte version = 2) => Raw(0x80, version);

    public PickleBuilder Import(string module, string name) => Raw([(byte)'c', .. Encoding.ASCII.GetBytes($"{module}\n{name}\n")]);

    public PickleBuilder Text(string value)
    {
        byte[] text = Encoding.UTF8.GetBytes(value);
        return Op('X').Int32(text.Length).Raw(text);
    }

    public PickleBuilder Integer(long value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return Raw([0x8A, 8, .. bytes]);
    }

    public PickleBuilder Int32(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return Raw(bytes);
    }

    public PickleBuilder Integers(params long[] values)
    {
        Op('(');
        foreach (long value in values) Integer(value);
        return Op('t');
    }

    /// <summary>A tensor as torch writes it: a view of storage <paramref name="key"/>.</summary>
    public PickleBuilder Tensor(
        string key, long storageLength, long offset, long[] shape, long[] strides, string storage = "FloatStorage", bool legacy = false)
    {
        Import("torch._utils", "_rebuild_tensor_v2").Op('(');
        Op('(').Text("storage").Import("torch", storage).Text(key).Text("cpu").Integer(storageLength);
        if (legacy) Op('N');
        Op('t').Op('Q');
        return Integer(offset)
            .Integers(shape)
            .Integers(strides)
            .Raw(0x89)
            .Import("collections", "OrderedDict")
            .Raw((byte)')', (byte)'R')
            .Op('t')
            .Op('R');
    }

    /// <summary>
    /// A pickle of one dictionary with what <paramref name="items"/> writes between the mark and its SETITEMS.
    /// </summary>
    public static byte[] Dictionary(Action<PickleBuilder> items)
    {
        PickleBuilder pickle = new PickleBuilder().Protocol().Raw((byte)'}', (byte)'(');
        items(pickle);
        return pickle.Op('u').Op('.').ToArray();
    }

    /// <summary>A zip as torch.save writes it, with the pickle and the storages.</summary>
    public static byte[] Archive(byte[] pickle, params (string Key, byte[] Data)[] storages)
    {
        return Zip(
            [
                ("x/data.pkl", pickle), .. storages.Select(storage => ("x/data/" + storage.Key, storage.Data)),
                ("x/version", "3\n"u8.ToArray())
            ]);
    }

    public static byte[] Zip(IEnumerable<(string Name, byte[] Data)> entries, CompressionLevel level = CompressionLevel.NoCompression)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] data) in entries)
            {
                using Stream entry = zip.CreateEntry(name, level).Open();
                entry.Write(data);
            }
        }

        return stream.ToArray();
    }
}
