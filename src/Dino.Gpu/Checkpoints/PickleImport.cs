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

    /// <summary>Plain data in modules that are refused otherwise.</summary>
    private static readonly HashSet<(string Module, string Name)> Harmless =
    [
        ("types", "SimpleNamespace"), ("types", "MappingProxyType"), ("io", "BytesIO"), ("io", "StringIO"), ("_io", "BytesIO"),
        ("signal", "Signals"), ("signal", "Handlers"), ("inspect", "Parameter"), ("inspect", "Signature"), ("inspect", "_empty"),
        ("inspect", "_ParameterKind"), ("urllib.parse", "ParseResult"), ("urllib.parse", "SplitResult"),
    ];

    /// <summary>Built-in functions that run or reach something; the others make plain values.</summary>
    private static readonly HashSet<string> DeniedBuiltins = new(StringComparer.Ordinal)
    {
        "__build_class__", "__import__", "apply", "breakpoint", "compile", "delattr", "dir", "eval", "exec", "execfile", "exit", "file",
        "filter", "getattr", "globals", "help", "input", "locals", "map", "memoryview", "open", "quit", "raw_input", "reduce", "reload",
        "setattr", "vars",
    };

    /// <summary>Functions of torch that read files, write them or compile code.</summary>
    private static readonly HashSet<string> DeniedTorch = new(StringComparer.Ordinal)
    {
        "compile", "from_file", "import_ir_module", "load", "save", "set_default_tensor_type", "vmap",
    };

    /// <returns>Null if the name is refused.</returns>
    public static PickleImport? Find(string module, string name)
    {
        if (module is "torch" or "torch.cuda" or "torch.storage" && ElementTypes.FromTorchStorage(name) is { } type)
            return new PickleImport(PickleImportKind.Storage, type);
        // Later protocols may put a part of the module's path into the name.
        string path = $"{module}.{name}";
        string owner = path[..path.LastIndexOf('.')];
        string first = name.Split('.')[0];
        return (module, name) switch
        {
            ("collections", "OrderedDict") => new PickleImport(PickleImportKind.OrderedDict),
            ("torch._utils", "_rebuild_tensor" or "_rebuild_tensor_v2") => new PickleImport(PickleImportKind.RebuildTensor),
            ("torch._utils", "_rebuild_parameter" or "_rebuild_parameter_with_state") =>
                new PickleImport(PickleImportKind.RebuildParameter),
            ("torch._tensor", "_rebuild_from_type_v2") => new PickleImport(PickleImportKind.RebuildFromType),
            ("torch._utils", "_rebuild_tensor_v3" or "_rebuild_qtensor") => InertImport, // of an element type that is not read
            ("torch._utils", _) => null,
            ("__builtin__" or "builtins", "set" or "frozenset") => new PickleImport(PickleImportKind.Set),
            ("__builtin__" or "builtins", _) when DeniedBuiltins.Contains(first) => null,
            ("torch", _) when DeniedTorch.Contains(first) => null,
            _ => IsDenied(owner) && !Harmless.Contains((module, name)) ? null : InertImport,
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
