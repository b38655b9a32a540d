using System.Diagnostics.CodeAnalysis;

namespace Dino.Gpu.Checkpoints;

/// <summary>A <c>dict</c> or <c>OrderedDict</c>, in order. Only string keys are kept: what else a checkpoint uses as a key is of no use here.</summary>
internal sealed class PickleDict
{
    // Created by the first key, so that a pickle of empty dictionaries stays small.
    private OrderedDictionary<string, object?>? _items;

    public IEnumerable<KeyValuePair<string, object?>> Items => _items ?? [];

    /// <returns>False if the key is there already; Python would replace the value, an honest pickle never asks it to.</returns>
    public bool TryAdd(object? key, object? value) => key is not string name || (_items ??= new(StringComparer.Ordinal)).TryAdd(name, value);

    public bool TryGet<T>(string key, [NotNullWhen(true)] out T? value)
        where T : class
    {
        value = _items is not null && _items.TryGetValue(key, out object? found) ? found as T : null;
        return value is not null;
    }

    public object? this[string key] => _items is not null && _items.TryGetValue(key, out object? found) ? found : null;
}

/// <summary>A <c>list</c>, or a set, which nothing here looks into.</summary>
internal sealed class PickleList
{
    public List<object?> Items { get; } = [];
}

/// <summary>A <c>tuple</c>.</summary>
internal sealed class PickleTuple(object?[] items)
{
    public object?[] Items { get; } = items;
}

/// <summary>Something that a training checkpoint carries and the encoder does not need: an object whose class was named and not looked up.</summary>
internal sealed class PickleInert
{
    public static PickleInert Instance { get; } = new();
}

/// <summary>What an imported name stands for. This is the whole list: everything else is refused.</summary>
internal enum PickleImportKind
{
    /// <summary>An empty <see cref="PickleDict"/>, or one from pairs.</summary>
    OrderedDict,

    /// <summary><c>torch._utils._rebuild_tensor</c>, <c>_rebuild_tensor_v2</c>: a view of a storage.</summary>
    RebuildTensor,

    /// <summary><c>torch._utils._rebuild_parameter</c>: a tensor with a flag.</summary>
    RebuildParameter,

    /// <summary><c>torch.FloatStorage</c> and its siblings, as the second word of a storage reference.</summary>
    Storage,

    /// <summary>A set.</summary>
    Set,

    /// <summary>A plain value: <c>argparse.Namespace</c>, a NumPy scalar, a dtype. Becomes <see cref="PickleInert"/>.</summary>
    Inert,
}

/// <summary>An imported name. <paramref name="Type"/> is set for storages.</summary>
internal sealed record PickleImport(PickleImportKind Kind, ElementType Type = default)
{
    private static readonly PickleImport InertImport = new(PickleImportKind.Inert);

    /// <returns>Null if the name is not on the list.</returns>
    public static PickleImport? Find(string module, string name)
    {
        if (module is "torch" or "torch.cuda" && ElementTypes.FromTorchStorage(name) is { } type)
            return new PickleImport(PickleImportKind.Storage, type);
        return (module, name) switch
        {
            ("collections", "OrderedDict") => new PickleImport(PickleImportKind.OrderedDict),
            ("torch._utils", "_rebuild_tensor" or "_rebuild_tensor_v2") => new PickleImport(PickleImportKind.RebuildTensor),
            ("torch._utils", "_rebuild_parameter") => new PickleImport(PickleImportKind.RebuildParameter),
            ("__builtin__" or "builtins", "set" or "frozenset") => new PickleImport(PickleImportKind.Set),
            ("argparse", "Namespace") => InertImport,
            ("torch", "Size" or "device") => InertImport,
            ("torch", "float16" or "bfloat16" or "float32" or "float64" or "int8" or "int16" or "int32" or "int64" or "uint8" or "bool") => InertImport,

            // The original DINO puts its learning rate, a NumPy scalar, into the optimizer's state.
            ("numpy.core.multiarray" or "numpy._core.multiarray", "scalar") => InertImport,
            ("numpy", "dtype") => InertImport,
            ("_codecs", "encode") => InertImport,
            _ => null,
        };
    }
}

/// <summary>A run of elements that tensors are views of.</summary>
internal sealed class TorchStorage(string key, ElementType type, long length)
{
    public string Key { get; } = key;

    public ElementType Type { get; } = type;

    /// <summary>In elements.</summary>
    public long Length { get; } = length;
}

/// <summary>A tensor of a pickle, unchecked until it becomes a <see cref="TensorEntry"/>.</summary>
internal sealed record TorchTensor(TorchStorage Storage, long Offset, long[] Shape, long[] Strides);
