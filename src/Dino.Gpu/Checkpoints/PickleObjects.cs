using System.Diagnostics.CodeAnalysis;

namespace Dino.Gpu.Checkpoints;

/// <summary>A <c>dict</c> or <c>OrderedDict</c>, in order. Only string keys are kept: others name no tensor.</summary>
internal sealed class PickleDict
{
    // Created by the first key, so that a pickle of empty dictionaries stays small.
    private OrderedDictionary<string, object?>? _items;

    public IEnumerable<KeyValuePair<string, object?>> Items => _items ?? [];

    /// <returns>
    /// False if the key is there already; Python would replace the value, an honest pickle never asks it to.
    /// </returns>
    public bool TryAdd(object? key, object? value) =>
        key is not string name || (_items ??= new(StringComparer.Ordinal)).TryAdd(name, value);

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

/// <summary>
/// What a training checkpoint carries and the encoder does not need: an object whose class was named and not looked up.
/// What is put into it is dropped.
/// </summary>
internal sealed class PickleInert
{
    public static PickleInert Instance { get; } = new();
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
