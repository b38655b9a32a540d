namespace Dino.Gpu.Checkpoints;

/// <summary>What becomes of an imported name.</summary>
internal enum PickleImportKind
{
    /// <summary>An empty <see cref="PickleDict"/>, or one from pairs.</summary>
    OrderedDict,

    /// <summary><c>torch._utils._rebuild_tensor</c>, <c>_rebuild_tensor_v2</c>: a view of a storage.</summary>
    RebuildTensor,

    /// <summary><c>torch._utils._rebuild_parameter</c>: a tensor with a flag.</summary>
    RebuildParameter,

    /// <summary><c>torch._tensor._rebuild_from_type_v2</c>: a call of another of these, with attributes.</summary>
    RebuildFromType,

    /// <summary><c>torch.FloatStorage</c> and its siblings, as the second word of a storage reference.</summary>
    Storage,

    /// <summary>A set.</summary>
    Set,

    /// <summary>
    /// Anything else that a training run keeps: an optimizer's state, a path, a date. Becomes <see
    /// cref="PickleInert"/>.
    /// </summary>
    Inert,
}

/// <summary>
/// An imported name. Nothing is ever imported or run: a name makes a tensor, a container, or inert data. What only an
/// attack imports is refused by name, so that its user learns of it.
/// </summary>
/// <param name="Kind">What becomes of it.</param>
/// <param name="Type">Set for storages.</param>
internal sealed record PickleImport(PickleImportKind Kind, ElementType Type = default)
{
    private static readonly PickleImport InertImport = new(PickleImportKind.Inert);

    /// <summary>
    /// Modules, with all below them, that no checkpoint needs and that run or change something when they are used.
    /// </summary>
    private static readonly HashSet<string> Denied = new(StringComparer.Ordinal)
    {
        "_ctypes", "_io", "_operator", "_pickle", "_posixsubprocess", "_thread", "asyncio", "bdb", "cPickle", "cProfile",
        "cloudpickle", "code", "codeop", "commands", "ctypes", "dill", "distutils", "doctest", "ftplib", "http", "importlib",
        "inspect", "io", "joblib", "marshal", "multiprocessing", "nt", "operator", "os", "pdb", "pickle", "pip", "pkgutil",
        "platform", "posix", "profile", "pty", "pydoc", "requests", "runpy", "setuptools", "shelve", "shutil", "signal",
        "smtplib", "socket", "ssl", "subprocess", "sys", "tempfile", "threading", "timeit", "trace", "types", "urllib",
        "webbrowser", "zipimport", "torch.hub", "torch.jit", "torch.package", "torch.serialization", "torch.utils.cpp_extension",
        "numpy.distutils", "numpy.f2py", "numpy.testing",
    };

    private static readonly HashSet<string> PlainBuiltins = new(StringComparer.Ordinal)
    {
        "bool", "bytearray", "bytes", "complex", "dict", "float", "int", "list", "long", "object", "range", "slice", "str",
        "tuple", "unicode", "xrange",
    };

    private static readonly HashSet<string> PlainTorch = new(StringComparer.Ordinal)
    {
        "Generator", "Size", "Tensor", "contiguous_format", "device", "preserve_format", "strided",
        "bfloat16", "bool", "complex128", "complex64", "float16", "float32", "float64", "float8_e4m3fn", "float8_e5m2",
        "int16", "int32", "int64", "int8", "uint16", "uint32", "uint64", "uint8",
    };

    /// <returns>Null if the name is refused.</returns>
    public static PickleImport? Find(string module, string name)
    {
        if (module is "torch" or "torch.cuda" or "torch.storage" && ElementTypes.FromTorchStorage(name) is { } type)
            return new PickleImport(PickleImportKind.Storage, type);
        return (module, name) switch
        {
            ("collections", "OrderedDict") => new PickleImport(PickleImportKind.OrderedDict),
            ("torch._utils", "_rebuild_tensor" or "_rebuild_tensor_v2") => new PickleImport(PickleImportKind.RebuildTensor),
            ("torch._utils", "_rebuild_parameter" or "_rebuild_parameter_with_state") =>
                new PickleImport(PickleImportKind.RebuildParameter),
            ("torch._tensor", "_rebuild_from_type_v2") => new PickleImport(PickleImportKind.RebuildFromType),
            ("torch._utils", "_rebuild_tensor_v3") => InertImport, // of an element type that is not read
            ("torch._utils", _) => null,
            ("__builtin__" or "builtins", "set" or "frozenset") => new PickleImport(PickleImportKind.Set),
            ("__builtin__" or "builtins", _) => PlainBuiltins.Contains(name) ? InertImport : null,
            ("torch", _) => PlainTorch.Contains(name) ? InertImport : null,
            _ => IsDenied(module) ? null : InertImport,
        };
    }

    private static bool IsDenied(string module)
    {
        for (int end = module.IndexOf('.'); end >= 0; end = module.IndexOf('.', end + 1))
        {
            if (Denied.Contains(module[..end]))
                return true;
        }

        return Denied.Contains(module);
    }
}
