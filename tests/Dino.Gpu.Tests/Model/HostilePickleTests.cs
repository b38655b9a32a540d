using System.Buffers.Binary;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Model;

/// <summary>Pickles that lie, overreach or want to run something. Each must end in one line.</summary>
public sealed class HostilePickleTests : IDisposable
{
    private readonly CheckpointFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("os", "system")]
    [InlineData("posix", "system")]
    [InlineData("nt", "system")]
    [InlineData("builtins", "eval")]
    [InlineData("__builtin__", "exec")]
    [InlineData("subprocess", "Popen")]
    [InlineData("torch", "load")]
    [InlineData("torch._utils", "_rebuild_sparse_tensor")]
    [InlineData("builtins", "__import__")]
    [InlineData("builtins", "getattr")]
    [InlineData("torch.hub", "load")]
    [InlineData("torch", "save")]
    [InlineData("sys", "modules")]
    [InlineData("runpy", "run_path")]
    [InlineData("io", "open")]
    [InlineData("types", "FunctionType")]
    [InlineData("numpy.f2py.crackfortran", "getlincoef")]
    public void Imports_are_refused_by_name(string module, string name)
    {
        byte[] pickle = new PickleBuilder()
            .Protocol()
            .Import(module, name)
            .Op('(')
            .Text("touch " + _folder["pwned"])
            .Op('t')
            .Op('R')
            .Op('.')
            .ToArray();
        Assert.Contains($"'{module}.{name}', refused", Refuse(pickle));
        Assert.False(File.Exists(_folder["pwned"]));
    }

    [Fact]
    public void Imports_of_later_protocols_are_refused_by_name()
    {
        byte[] pickle = new PickleBuilder().Protocol(4).Raw([0x8C, 2, .. "os"u8, 0x8C, 6, .. "system"u8, 0x93]).Op('.').ToArray();
        Assert.Contains("'os.system', refused", Refuse(pickle));
    }

    /// <summary>Later protocols may split a path anywhere: the module 'torch' and the name 'hub.load'.</summary>
    [Theory]
    [InlineData("torch", "hub.load")]
    [InlineData("torch", "load.__call__")]
    [InlineData("torch", "serialization.load")]
    [InlineData("builtins", "eval.__call__")]
    public void Imports_by_a_path_in_the_name_are_refused(string module, string name)
    {
        byte[] pickle = new PickleBuilder().Protocol(4)
            .Raw([0x8C, (byte)module.Length, .. System.Text.Encoding.ASCII.GetBytes(module)])
            .Raw([0x8C, (byte)name.Length, .. System.Text.Encoding.ASCII.GetBytes(name), 0x93]).Op('.').ToArray();
        Assert.Contains($"'{module}.{name}', refused", Refuse(pickle));
    }

    [Fact]
    public void Old_ways_to_make_objects_are_refused()
    {
        Assert.Contains("0x69", Refuse([0x80, 2, (byte)'(', (byte)'i', .. "os\nsystem\n"u8, (byte)'.']));
        Assert.Contains("0x82", Refuse([0x80, 2, 0x82, 1, (byte)'.']));
    }

    [Fact]
    public void Names_with_line_breaks_and_escapes_stay_on_one_line()
    {
        Assert.Contains("no tensors", Refuse(PickleBuilder.Dictionary(p => p.Text("a\n\u001b[31mb").Integer(1))));
        Assert.Contains(
            "??[31mb", Refuse(PickleBuilder.Dictionary(p => p.Text("a\n\u001b[31mb").Tensor("0", 1, 0, [1], [1])), ("0", new byte[4])));
    }

    [Fact]
    public void Deep_nesting_is_no_stack_overflow()
    {
        Assert.Contains("nested deeper", Refuse([0x80, 2, .. Enumerable.Repeat((byte)'(', 100_000), (byte)'.']));
        byte[] tuples = [0x80, 2, (byte)')', .. Enumerable.Repeat((byte)0x85, 400_000), (byte)'.'];
        Assert.Contains("no dictionary", Refuse(tuples));
    }

    [Fact]
    public void Endless_pickles_end()
    {
        byte[] dictionaries = [0x80, 2, .. Enumerable.Repeat((byte)'}', 2_000_000), (byte)'.'];
        Assert.Contains("more than 500000 operations", Refuse(dictionaries));
    }

    /// <summary>One long tuple as the shape of tensor after tensor: each call would copy it.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_long_shape_is_not_copied_call_by_call(bool keepsTensors)
    {
        byte[] item = [(byte)'K', 1];
        PickleBuilder pickle = new PickleBuilder().Protocol().Import("torch._utils", "_rebuild_tensor_v2").Raw((byte)'q', 0).Op('(')
            .Op('(').Text("storage").Import("torch", "FloatStorage").Text("0").Text("cpu").Integer(1).Op('t').Op('Q').Integer(0)
            .Op('(').Raw(
                [.. Enumerable.Repeat(item, 100_000).SelectMany(bytes => bytes)])
                    .Op('t')
                    .Raw((byte)'q', 1, (byte)'h', 1, (byte)'t', (byte)'q', 2);
        byte[] once = keepsTensors ? [(byte)'h', 0, (byte)'h', 2, (byte)'R'] : [(byte)'h', 0, (byte)'h', 2, (byte)'R', (byte)'0'];
        pickle.Raw([.. Enumerable.Repeat(once, 50_000).SelectMany(bytes => bytes)]).Op('.');
        Assert.Contains("a tensor of 100000 dimensions", Refuse(pickle.ToArray(), ("0", new byte[4])));
    }

    /// <summary>One long list of pairs as the content of dictionary after dictionary.</summary>
    [Fact]
    public void A_long_list_is_not_copied_into_dictionary_after_dictionary()
    {
        const int pairs = 20_000;
        PickleBuilder pickle = new PickleBuilder()
            .Protocol()
            .Import("collections", "OrderedDict")
            .Raw((byte)'q', 0)
            .Op(']')
            .Raw((byte)'q', 1)
            .Op('(');
        for (int i = 0; i < pairs; i++) pickle.Raw([(byte)'U', 5, .. System.Text.Encoding.ASCII.GetBytes($"{i:X5}"), (byte)'N', 0x86]);
        pickle.Op('e').Op('0').Raw((byte)'h', 1, 0x85, (byte)'q', 2, (byte)'0');
        byte[] once = [(byte)'h', 0, (byte)'h', 2, (byte)'R'];
        pickle.Raw([.. Enumerable.Repeat(once, 90_000).SelectMany(bytes => bytes)]).Op('.');
        Assert.Contains("more than 500000 operations", Refuse(pickle.ToArray()));
    }

    /// <summary>One long dictionary under very many names: who searches each of them never ends.</summary>
    [Fact]
    public void A_long_dictionary_is_not_searched_name_by_name()
    {
        const int count = 80_000;
        PickleBuilder pickle = new PickleBuilder().Protocol().Op('}').Raw((byte)'q', 0, (byte)'(');
        for (int i = 0; i < count; i++) pickle.Raw([(byte)'U', 5, .. System.Text.Encoding.ASCII.GetBytes($"{i:X5}"), (byte)'N']);
        pickle.Op('u').Op('0').Op('}').Op('(');
        for (int i = 0; i < count; i++)
            pickle.Raw([(byte)'U', 5, .. System.Text.Encoding.ASCII.GetBytes($"{i:X5}"), (byte)'h', 0]);
        Assert.Contains("no tensors at all", Refuse(pickle.Op('u').Op('.').ToArray()));
    }

    [Fact]
    public void Doubling_by_memory_is_not_expanded()
    {
        // Fifty lists, each holding the one before twice: 2^50 leaves for whoever walks them.
        PickleBuilder pickle = new PickleBuilder().Protocol().Op(']').Raw((byte)'q', 0);
        for (byte i = 1; i < 50; i++) pickle.Raw(
            (byte)']', (byte)'q', i, (byte)'(', (byte)'h', (byte)(i - 1), (byte)'h', (byte)(i - 1), (byte)'e');
        Assert.Contains("no dictionary", Refuse(pickle.Op('.').ToArray()));
    }

    [Theory]
    [InlineData(new byte[] { 0x80, 2, (byte)'X', 0xFF, 0xFF, 0xFF, 0x7F, (byte)'.' }, "claims 2147483647 bytes")]
    [InlineData(new byte[] { 0x80, 4, 0x8D, 0, 0, 0, 0, 0, 0, 0, 0x10, (byte)'.' }, "claims 1152921504606846976 bytes")]
    [InlineData(new byte[] { 0x80, 4, 0x8E, 255, 255, 255, 255, 255, 255, 255, 255, (byte)'.' }, "claims -1 bytes")]
    [InlineData(new byte[] { 0x80, 2, 0x8B, 0, 0, 0, 0x40, (byte)'.' }, "an integer of 1073741824 bytes")]
    [InlineData(new byte[] { 0x80, 2, (byte)'T', 255, 255, 255, 255, (byte)'.' }, "claims -1 bytes")]
    [InlineData(new byte[] { 0x80, 9, (byte)'N', (byte)'.' }, "protocol 9")]
    [InlineData(new byte[] { 0x80, 2, (byte)'h', 7, (byte)'.' }, "nothing is remembered as 7")]
    [InlineData(new byte[] { 0x80, 2, (byte)'.' }, "a value is missing")]
    [InlineData(new byte[] { 0x80, 2, (byte)'t', (byte)'.' }, "a mark is missing")]
    [InlineData(new byte[] { 0x80, 2, (byte)'N', (byte)'(', (byte)'0', (byte)'.' }, "a value is missing")]
    [InlineData(new byte[] { 0x80, 2, (byte)'N', (byte)'N', (byte)'R', (byte)'.' }, "not a function")]
    [InlineData(new byte[] { 0x80, 2, (byte)'N', (byte)'N', (byte)'a', (byte)'.' }, "expected a list")]
    [InlineData(new byte[] { 0x80, 2, (byte)'}', (byte)'(', (byte)'N', (byte)'u', (byte)'.' }, "a key without a value")]
    [InlineData(new byte[] { 0x80, 2, (byte)'N', (byte)'Q', (byte)'.' }, "a storage reference")]
    [InlineData(new byte[] { 0x80, 2, (byte)'N' }, "truncated")]
    [InlineData(new byte[] { }, "truncated")]
    public void Broken_operations_are_named(byte[] pickle, string expected) => Assert.Contains(expected, Refuse(pickle));

    [Fact]
    public void A_name_that_occurs_twice_is_refused()
    {
        byte[] pickle = PickleBuilder.Dictionary(
            p => p.Text("cls_token").Tensor("0", 1, 0, [1], [1]).Text("cls_token").Tensor("0", 1, 0, [1], [1]));
        Assert.Contains("two values for 'cls_token'", Refuse(pickle, ("0", new byte[4])));
    }

    [Theory]
    [InlineData(new long[] { 1, 1, 4 }, new long[] { 4, 4, 1 }, 1, "reaches outside its storage")]
    [InlineData(new long[] { 2, 2 }, new long[] { 3, 1 }, 0, "reaches outside its storage")]
    [InlineData(new long[] { 2 }, new long[] { long.MaxValue }, 0, "reaches outside its storage")]
    [InlineData(new long[] { 1L << 20, 1L << 20 }, new long[] { 0, 0 }, 0, "absurdly large")]
    [InlineData(new long[] { 1L << 32, 1L << 32 }, new long[] { 1, 1 }, 0, "absurdly large")]
    [InlineData(new long[] { 1L << 20 }, new long[] { 0 }, 0, "more elements than its storage")]
    [InlineData(new long[] { -1 }, new long[] { 1 }, 0, "negative size")]
    [InlineData(new long[] { 1 }, new long[] { -1 }, 0, "negative stride")]
    [InlineData(new long[] { 1 }, new long[] { 1 }, -1, "negative stride or offset")]
    [InlineData(new long[] { 1, 1 }, new long[] { 1 }, 0, "2 sizes and 1 strides")]
    [InlineData(new long[] { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, new long[] { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, 0, "9 dimensions")]
    public void Views_stay_inside_their_storage(long[] shape, long[] strides, long offset, string expected)
    {
        byte[] pickle = PickleBuilder.Dictionary(p => p.Text("cls_token").Tensor("0", 4, offset, shape, strides));
        Assert.Contains(expected, Refuse(pickle, ("0", new byte[16])));
    }

    [Fact]
    public void A_view_spread_too_thin_is_not_read()
    {
        string path = _folder["thin.bin"];
        using (FileStream stream = File.Create(path)) stream.SetLength(16L << 20);
        using CheckpointFile file = CheckpointFile.Open(path);
        float[] values = new float[2];
        new TensorEntry(file, "x", ElementType.F32, [2], [1000], 0, 4 << 20, 0).Read(values);
        var thin = new TensorEntry(file, "x", ElementType.F32, [2], [2 << 20], 0, 4 << 20, 0);
        Assert.Contains("2 elements spread over 2097153", Assert.Throws<WeightsException>(() => thin.Read(values)).Message);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(3)]
    [InlineData(1L << 60)]
    public void A_storage_has_the_size_that_it_claims(long claimed)
    {
        byte[] pickle = PickleBuilder.Dictionary(p => p.Text("cls_token").Tensor("0", claimed, 0, [1], [1]));
        Assert.Contains($"claims {claimed} elements of F32, it has 16 bytes", Refuse(pickle, ("0", new byte[16])));
    }

    [Fact]
    public void Storages_must_be_there_and_be_sane()
    {
        Assert.Contains("'x/data/7' is missing", Refuse(PickleBuilder.Dictionary(p => p.Text("cls_token").Tensor("7", 1, 0, [1], [1]))));
        Assert.Contains(
            "a storage reference",
            Refuse(PickleBuilder.Dictionary(p => p.Text("cls_token").Tensor("0", -1, 0, [1], [1])), ("0", new byte[4])));
    }

    [Fact]
    public void Plain_values_of_a_training_run_are_inert()
    {
        // As the original DINO's optimizer holds its learning rate: a NumPy scalar; and a set, a namespace, a dtype.
        byte[] pickle = PickleBuilder.Dictionary(p => p
            .Text("lr").Import(
                "numpy.core.multiarray", "scalar").Import("numpy", "dtype").Op('(').Text("f8").Raw(0x89, 0x88).Op('t').Op('R')
            .Op('(').Integer(3).Text("<").Raw((byte)'N', (byte)'N', (byte)'N').Integer(-1).Integer(-1).Integer(0).Op('t').Op('b')
            .Import("_codecs", "encode").Op('(').Text("abc").Text("latin1").Op('t').Op('R').Raw(0x86).Op('R')
            .Text("names").Import("__builtin__", "set").Op(']').Raw(0x85).Op('R')
            .Text("args").Import("argparse", "Namespace").Op(')').Raw(0x81).Op('}').Op('b')
            .Text("dtype").Import("torch", "float32"));
        Assert.Contains("no tensors", Refuse(pickle));
    }

    [Fact]
    public void Something_else_than_a_state_dict_is_refused()
    {
        Assert.Contains("no dictionary of tensors", Refuse(new PickleBuilder().Protocol().Integer(42).Op('.').ToArray()));
        Assert.Contains(
            "not a DINO ViT",
            Refuse(PickleBuilder.Dictionary(p => p.Text("conv1.weight").Tensor("0", 1, 0, [1], [1])), ("0", new byte[4])));
    }

    [Fact]
    public void A_legacy_file_cut_anywhere_is_refused()
    {
        byte[] whole = File.ReadAllBytes(GoldenData.PathOf("checkpoints", "tiny_hf_legacy.bin"));
        foreach (int length in (int[])[3, 10, 15, 20, 100, 300, 6600, 7458, 7470, whole.Length / 2, whole.Length - 1])
            Assert.DoesNotContain("Exception", _folder.Refusal("cut.bin", whole[..length]));
    }

    [Fact]
    public void A_legacy_storage_has_the_size_that_its_tensors_claim()
    {
        byte[] whole = File.ReadAllBytes(GoldenData.PathOf("checkpoints", "tiny_hf_legacy.bin"));
        int storages = FirstLegacyStorage(whole);
        BinaryPrimitives.WriteInt64LittleEndian(whole.AsSpan(storages), 1L << 60);
        Assert.Contains("has 1152921504606846976 elements, its tensors claim", _folder.Refusal("lie.bin", whole));
        Assert.Contains("torch's protocol", _folder.Refusal("protocol.bin", Legacy([0x80, 2, (byte)'K', 5, (byte)'.'])));
        Assert.Contains("big-endian", _folder.Refusal("endian.bin", Legacy(
            [0x80, 2, (byte)'M', 0xE9, 3, (byte)'.'],
            PickleBuilder.Dictionary(p => p.Text("little_endian").Raw(0x89)))));
    }

    [Fact]
    public void Legacy_storages_are_not_larger_than_the_file()
    {
        byte[] system = PickleBuilder.Dictionary(p => p.Text("little_endian").Raw(0x88));
        byte[] tensors = PickleBuilder.Dictionary(p => p.Text("cls_token").Tensor("a", 1L << 60, 0, [1, 1, 64], [64, 64, 1], legacy: true));
        byte[] keys = new PickleBuilder().Protocol().Op(']').Text("a").Op('a').Op('.').ToArray();
        byte[] length = BitConverter.GetBytes(1L << 60);
        string message = _folder.Refusal(
            "huge.bin", Legacy([0x80, 2, (byte)'M', 0xE9, 3, (byte)'.'], system, tensors, [.. keys, .. length, .. new byte[256]]));
        Assert.Contains("truncated: storage 'a' needs 1152921504606846976 elements", message);
    }

    private static byte[] Legacy(params byte[][] parts) =>
        [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, (byte)'.', .. parts.SelectMany(part => part)];

    /// <summary>
    /// The list of keys is the last pickle: its end is the last STOP before the first storage's length.
    /// </summary>
    private static int FirstLegacyStorage(byte[] file)
    {
        // e. closes the list; the first storage in its order has 9 * 256 elements (0x900).
        int end = file.AsSpan().IndexOf((ReadOnlySpan<byte>)[(byte)'e', (byte)'.', 0x00, 0x09, 0, 0, 0, 0, 0, 0]);
        Assert.True(end > 0);
        return end + 2;
    }

    private string Refuse(byte[] pickle, params (string Key, byte[] Data)[] storages) =>
        _folder.Refusal("hostile.bin", PickleBuilder.Archive(pickle, storages));
}
