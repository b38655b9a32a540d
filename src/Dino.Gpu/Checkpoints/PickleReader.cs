using System.Numerics;
using System.Text;
using Dino.Gpu.Files;

namespace Dino.Gpu.Checkpoints;

/// <summary>
/// Reads the pickles that torch writes (protocols 2 to 5) and nothing beyond: containers, plain values, storages,
/// tensors.
/// It runs nothing: <see cref="PickleImport"/> says what becomes of an import.
/// There is no recursion, so nesting cannot exhaust the stack. Operations, marks and the items that a call copies are
/// limited together, so that time and memory stay within a small multiple of the file.
/// </summary>
internal sealed class PickleReader
{
    /// <summary>A training checkpoint of a DINO ViT takes some 20 000.</summary>
    private const int MaxOperations = 500_000;

    private const int MaxDepth = 1000;
    private const byte MaxProtocol = 5;

    private readonly PickleInput _input;
    private readonly Func<PickleInput, PickleTuple, object> _loadStorage;
    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<long, object?> _memo = [];
    private int _operationsLeft = MaxOperations;

    /// <param name="input">Starts at the pickle.</param>
    /// <param name="loadStorage">Resolves a persistent id, which is how torch refers to a storage.</param>
    private PickleReader(PickleInput input, Func<PickleInput, PickleTuple, object> loadStorage)
    {
        _input = input;
        _loadStorage = loadStorage;
    }

    /// <summary>Reads one pickle and leaves the input behind it.</summary>
    /// <exception cref="DinoException">The pickle is broken, too large, or imports something.</exception>
    public static object? Read(PickleInput input, Func<PickleInput, PickleTuple, object> loadStorage) =>
        new PickleReader(input, loadStorage).Run();

    private object? Run()
    {
        while (true)
        {
            Charge(1);
            byte operation = _input.ReadByte();
            if (operation == '.') return Pop();
            if (!Container(operation) && !Value(operation) && !Memo(operation)) Call(operation);
        }
    }

    /// <summary>Counts work: every operation can copy the same container, so a copy counts each of its items.</summary>
    private void Charge(int operations)
    {
        _operationsLeft -= operations;
        if (_operationsLeft < 0)
            throw _input.Error($"more than {MaxOperations} operations");
    }

    private bool Container(byte operation)
    {
        switch (operation)
        {
            case (byte)'(':
                if (_marks.Count == MaxDepth) throw _input.Error($"nested deeper than {MaxDepth}");
                _marks.Add(_stack.Count);
                break;
            case (byte)'0': Pop(); break;
            case (byte)'1': PopToMark(); break;
            case (byte)'2': Push(Peek()); break;
            case (byte)')': Push(new PickleTuple([])); break;
            case 0x85: Push(new PickleTuple(PopMany(1))); break;
            case 0x86: Push(new PickleTuple(PopMany(2))); break;
            case 0x87: Push(new PickleTuple(PopMany(3))); break;
            case (byte)'t': Push(new PickleTuple(PopToMark())); break;
            case (byte)']': case 0x8F: Push(new PickleList()); break;
            case (byte)'l': case 0x91: PushList(PopToMark()); break;
            case (byte)'a': Extend(PopMany(1)); break;
            case (byte)'e': case 0x90: Extend(PopToMark()); break;
            case (byte)'}': Push(new PickleDict()); break;
            case (byte)'d': PushDict(PopToMark()); break;
            case (byte)'s': SetItems(PopMany(2)); break;
            case (byte)'u': SetItems(PopToMark()); break;
            default: return false;
        }

        return true;
    }

    private bool Value(byte operation)
    {
        switch (operation)
        {
            case (byte)'N': Push(null); break;
            case 0x88: Push(true); break;
            case 0x89: Push(false); break;
            case (byte)'K': Push((long)_input.ReadByte()); break;
            case (byte)'M': Push((long)_input.ReadUInt16()); break;
            case (byte)'J': Push((long)_input.ReadInt32()); break;
            case 0x8A: Push(Integer(_input.ReadByte())); break;
            case 0x8B: Push(Integer(_input.ReadInt32())); break;
            case (byte)'G': Push(_input.ReadDouble()); break;
            case 0x8C: Push(_input.ReadText(_input.ReadByte())); break;
            case (byte)'X': Push(_input.ReadText(_input.ReadUInt32())); break;
            case 0x8D: Push(_input.ReadText(_input.ReadInt64())); break;
            case (byte)'U': Push(Encoding.Latin1.GetString(_input.ReadBytes(_input.ReadByte()))); break;
            case (byte)'T': Push(Encoding.Latin1.GetString(_input.ReadBytes(_input.ReadInt32()))); break;
            case (byte)'C': Push(_input.ReadBytes(_input.ReadByte())); break;
            case (byte)'B': Push(_input.ReadBytes(_input.ReadUInt32())); break;
            case 0x8E: case 0x96: Push(_input.ReadBytes(_input.ReadInt64())); break;
            default: return false;
        }

        return true;
    }

    private bool Memo(byte operation)
    {
        switch (operation)
        {
            case (byte)'q': _memo[_input.ReadByte()] = Peek(); break;
            case (byte)'r': _memo[_input.ReadUInt32()] = Peek(); break;
            case 0x94: _memo[_memo.Count] = Peek(); break;
            case (byte)'h': Push(Recall(_input.ReadByte())); break;
            case (byte)'j': Push(Recall(_input.ReadUInt32())); break;
            default: return false;
        }

        return true;
    }

    private void Call(byte operation)
    {
        switch (operation)
        {
            case 0x80:
                byte protocol = _input.ReadByte();
                if (protocol > MaxProtocol) throw _input.Error($"protocol {protocol}, expected 2 to {MaxProtocol}");
                break;
            case 0x95: _input.ReadInt64(); break; // A frame's length: a hint for buffering.
            case (byte)'c': Push(Import(_input.ReadLine(), _input.ReadLine())); break;
            case 0x93:
                object?[] names = PopMany(2);
                Push(Import(names[0] as string, names[1] as string));
                break;
            case (byte)'Q': Push(_loadStorage(_input, Pop<PickleTuple>("a storage reference"))); break;
            case (byte)'R':
            case 0x81:
                object?[] call = PopMany(2);
                Push(Apply(call[0], call[1]));
                break;
            case 0x92:
                object?[] keywordCall = PopMany(3);
                Push(Apply(keywordCall[0], keywordCall[1]));
                break;
            case (byte)'b':
                // Attributes of an object: a state dict's _metadata, a namespace's values. None is a weight.
                Pop();
                if (Peek() is not (PickleDict or PickleInert or TorchTensor)) throw _input.Error("attributes for something that has none");
                break;
            default:
                throw _input.Error($"operation 0x{operation:X2}, which torch.save does not write");
        }
    }

    private PickleImport Import(string? module, string? name)
    {
        if (module is null || name is null) throw _input.Error("an import without a name");
        return PickleImport.Find(module, name) ?? throw _input.Error(
            $"it imports {MessageText.Quote($"{module}.{name}")}, refused: a checkpoint needs no such name, and nothing in it is run");
    }

    private object Apply(object? function, object? arguments)
    {
        if (function is PickleInert)
            return function;
        if (function is not PickleImport import || arguments is not PickleTuple tuple)
            throw _input.Error("a call of something that is not a function");
        switch (import.Kind, tuple.Items)
        {
            case (PickleImportKind.OrderedDict, []):
                return new PickleDict();
            case (PickleImportKind.OrderedDict, [PickleList pairs]):
                return FromPairs(pairs);
            case (PickleImportKind.RebuildTensor, [TorchStorage storage, long offset, PickleTuple shape, PickleTuple strides, ..]):
                return new TorchTensor(storage, offset, Integers(shape), Integers(strides));
            case (PickleImportKind.RebuildTensor or PickleImportKind.RebuildParameter, [PickleInert inert, ..]):
                return inert; // of an element type that is not read
            case (PickleImportKind.RebuildParameter, [TorchTensor tensor, ..]):
                return tensor;
            case (PickleImportKind.RebuildFromType, [PickleImport rebuild, _, PickleTuple inner, ..]) when rebuild.Kind != import.Kind:
                return Apply(rebuild, inner);
            case (PickleImportKind.Set, _):
                return new PickleList();
            case (PickleImportKind.Inert, _):
                return PickleInert.Instance;
            default:
                throw _input.Error($"a call of {import.Kind} with arguments that torch.save does not write");
        }
    }

    private PickleDict FromPairs(PickleList pairs)
    {
        Charge(pairs.Items.Count);
        var dict = new PickleDict();
        foreach (object? pair in pairs.Items)
        {
            IReadOnlyList<object?> items = pair switch
            {
                PickleTuple tuple => tuple.Items,
                PickleList list => list.Items,
                _ => [],
            };
            if (items.Count != 2) throw _input.Error("an OrderedDict of something other than pairs");
            Add(dict, items[0], items[1]);
        }

        return dict;
    }

    private long[] Integers(PickleTuple tuple)
    {
        if (tuple.Items.Length > TensorEntry.MaxRank)
            throw _input.Error($"a tensor of {tuple.Items.Length} dimensions, at most {TensorEntry.MaxRank} are read");
        var values = new long[tuple.Items.Length];
        for (int i = 0; i < values.Length; i++)
            values[i] = tuple.Items[i] is long value ? value : throw _input.Error("a tensor size that is not an integer");
        return values;
    }

    /// <summary>A little-endian integer of any length; those that fit 64 bits become long.</summary>
    private object Integer(int length)
    {
        const int longest = 255;
        if (length is < 0 or > longest) throw _input.Error($"an integer of {length} bytes");
        var value = new BigInteger(_input.ReadBytes(length));
        return value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;
    }

    private void PushList(object?[] items)
    {
        Push(new PickleList());
        Extend(items);
    }

    private void PushDict(object?[] items)
    {
        Push(new PickleDict());
        SetItems(items);
    }

    private void Extend(object?[] items)
    {
        if (Peek() is not PickleInert)
            Peek<PickleList>("a list").Items.AddRange(items);
    }

    private void SetItems(object?[] items)
    {
        if (items.Length % 2 != 0) throw _input.Error("a key without a value");
        if (Peek() is PickleInert) return;
        PickleDict dict = Peek<PickleDict>("a dictionary");
        for (int i = 0; i < items.Length; i += 2) Add(dict, items[i], items[i + 1]);
    }

    private void Add(PickleDict dict, object? key, object? value)
    {
        if (!dict.TryAdd(key, value)) throw _input.Error($"two values for {MessageText.Quote((string)key!)}");
    }

    private object? Recall(long index) =>
        _memo.TryGetValue(index, out object? value) ? value : throw _input.Error($"nothing is remembered as {index}");

    private void Push(object? value) => _stack.Add(value);

    private object? Pop() => PopMany(1)[0];

    private T Pop<T>(string what)
        where T : class
        => Pop() as T ?? throw _input.Error($"expected {what}");

    /// <summary>The top of the stack, above the last mark.</summary>
    private object? Peek()
    {
        if (_stack.Count <= Floor()) throw _input.Error("a value is missing");
        return _stack[^1];
    }

    private T Peek<T>(string what)
        where T : class
        => Peek() as T ?? throw _input.Error($"expected {what}");

    private object?[] PopMany(int count)
    {
        int start = _stack.Count - count;
        if (start < Floor()) throw _input.Error("a value is missing");
        object?[] items = [.. _stack[start..]];
        _stack.RemoveRange(start, count);
        return items;
    }

    private object?[] PopToMark()
    {
        if (_marks.Count == 0) throw _input.Error("a mark is missing");
        object?[] items = [.. _stack[Floor()..]];
        _stack.RemoveRange(Floor(), items.Length);
        _marks.RemoveAt(_marks.Count - 1);
        return items;
    }

    private int Floor() => _marks.Count == 0 ? 0 : _marks[^1];
}
