namespace Dino.Gpu.Checkpoints;

/// <summary>
/// Turns what a pickle held into a table of tensors: a state dict, or the one inside the dictionaries of a training
/// script.
/// </summary>
internal static class StateDict
{
    /// <summary>Dictionaries inside each other that are looked through.</summary>
    private const int MaxWrappers = 4;

    private static readonly string[] BranchNames = [CheckpointOptions.Teacher, CheckpointOptions.Student];

    /// <summary>Where training scripts put the averaged weights, which are the ones that they evaluate.</summary>
    private static readonly string[] AveragedNames = ["state_dict_ema", "model_ema", "ema_state_dict", "ema_model", "ema"];

    /// <summary>Where they put the weights that are trained.</summary>
    private static readonly string[] TrainedNames = ["state_dict", "model"];

    /// <param name="file">The checkpoint.</param>
    /// <param name="format">How it was written.</param>
    /// <param name="content">What the pickle held.</param>
    /// <param name="branch"><c>teacher</c> or <c>student</c>; null for the teacher where there are branches.</param>
    /// <param name="locate">File and first byte of a storage; fails if its size is not what it claims.</param>
    public static TensorTable Read(
        CheckpointFile file,
        CheckpointFormat format,
        object? content,
        string? branch,
        Func<TorchStorage, (CheckpointFile File, long Offset)> locate)
    {
        if (content is not PickleDict outer) throw file.Error("holds no dictionary of tensors; save model.state_dict() instead");
        Opened opened = Open(file, outer, branch);
        var tensors = new List<TensorEntry>();
        var others = new List<string>();
        foreach ((string name, object? value) in opened.Dict.Items)
        {
            if (value is not TorchTensor { Storage: var storage } tensor)
            {
                others.Add(name);
                continue;
            }

            (CheckpointFile place, long offset) = locate(storage);
            tensors.Add(new TensorEntry(
                place, name, storage.Type, tensor.Shape, tensor.Strides, offset, storage.Length, tensor.Offset));
        }

        return new TensorTable
        {
            Format = format,
            Tensors = tensors,
            NonTensors = others,
            Branches = opened.Branches,
            Branch = opened.Branch,
            WantedBranch = opened.Wanted,
        };
    }

    /// <summary>Goes from the outermost dictionary to the one with the class token.</summary>
    private static Opened Open(CheckpointFile file, PickleDict dict, string? branch)
    {
        var opened = new Opened(dict, [], null, branch);
        for (int i = 0; i < MaxWrappers && !HasTrunk(opened.Dict); i++)
        {
            if (Inner(file, opened) is not { } inner)
                break;
            opened = inner;
        }

        return opened;
    }

    private static Opened? Inner(CheckpointFile file, Opened outer)
    {
        string[] branches = [.. BranchNames.Where(name => outer.Dict.TryGet(name, out PickleDict? _))];
        if (branches.Length > 0)
        {
            string chosen = outer.Wanted ?? branches[0];
            return outer.Dict.TryGet(chosen, out PickleDict? state)
                ? new Opened(state, branches, chosen, null)
                : throw file.Error($"a training checkpoint without the branch '{chosen}', it has {string.Join(", ", branches)}");
        }

        PickleDict? averaged = First(outer.Dict, AveragedNames), trained = First(outer.Dict, TrainedNames);
        if (averaged is not null && trained is not null)
            return outer with { Dict = outer.Wanted == CheckpointOptions.Student ? trained : averaged, Wanted = null };
        PickleDict? inner = averaged ?? trained ?? OnlyWithTrunk(outer.Dict) ?? OnlyWayToTrunk(outer.Dict);
        return inner is null ? null : outer with { Dict = inner };
    }

    private static PickleDict? First(PickleDict dict, string[] names) =>
        names.Select(name => dict[name] as PickleDict).FirstOrDefault(found => found is not null);

    /// <summary>The one dictionary inside with a class token; null where there is none, or are several.</summary>
    private static PickleDict? OnlyWithTrunk(PickleDict dict)
    {
        // Distinct: a pickle can name the same large dictionary very many times.
        PickleDict[] found = [.. dict.Items.Select(item => item.Value).OfType<PickleDict>().Distinct().Where(HasTrunk)];
        return found.Length == 1 ? found[0] : null;
    }

    /// <summary>The one dictionary inside that leads to a class token; null where there is none, or are several.</summary>
    private static PickleDict? OnlyWayToTrunk(PickleDict dict)
    {
        var seen = new HashSet<PickleDict>(); // each is looked at once, however often a pickle names it
        PickleDict[] found = [.. Inside(dict, seen).Where(inner => Leads(inner, MaxWrappers, seen))];
        return found.Length == 1 ? found[0] : null;
    }

    private static bool Leads(PickleDict dict, int depth, HashSet<PickleDict> seen) =>
        HasTrunk(dict) || (depth > 0 && Inside(dict, seen).Any(inner => Leads(inner, depth - 1, seen)));

    private static IEnumerable<PickleDict> Inside(PickleDict dict, HashSet<PickleDict> seen) =>
        dict.Items.Select(item => item.Value).OfType<PickleDict>().Where(seen.Add);

    private static bool HasTrunk(PickleDict dict) =>
        dict.Items.Any(item => item.Value is TorchTensor && item.Key.EndsWith(TrunkNames.DinoMarker, StringComparison.Ordinal));

    /// <summary>A dictionary on the way in.</summary>
    /// <param name="Dict">The dictionary.</param>
    /// <param name="Branches">Those of the training checkpoint that it is of.</param>
    /// <param name="Branch">The one that it is.</param>
    /// <param name="Wanted">The branch that is still to be found.</param>
    private sealed record Opened(PickleDict Dict, IReadOnlyList<string> Branches, string? Branch, string? Wanted);
}
