namespace Dino.Gpu.Checkpoints;

/// <summary>
/// Turns what a pickle held into a table of tensors: a state dict, or the chosen branch of a DINO training checkpoint.
/// </summary>
internal static class StateDict
{
    private static readonly string[] BranchNames = ["teacher", "student"];

    /// <summary>
    /// Where training scripts put the state dict, the averaged weights first, which are the ones that they evaluate.
    /// </summary>
    private static readonly string[] Wrappers = ["state_dict_ema", "model_ema", "state_dict", "model"];

    /// <summary>Dictionaries inside each other that are looked through.</summary>
    private const int MaxWrappers = 4;

    /// <param name="file">The checkpoint.</param>
    /// <param name="format">How it was written.</param>
    /// <param name="content">What the pickle held.</param>
    /// <param name="branch"><c>teacher</c> or <c>student</c>; null for the teacher where there are branches.</param>
    /// <param name="locate">First byte of a storage in the file; fails if its size is not what it claims.</param>
    public static TensorTable Read(
        CheckpointFile file, CheckpointFormat format, object? content, string? branch, Func<TorchStorage, long> locate)
    {
        if (content is not PickleDict dict) throw file.Error("holds no dictionary of tensors; save model.state_dict() instead");
        string[] branches = [.. BranchNames.Where(name => dict.TryGet(name, out PickleDict? _))];
        string? chosen = null;
        if (branches.Length > 0)
        {
            chosen = branch ?? BranchNames[0];
            if (!dict.TryGet(chosen, out PickleDict? state))
                throw file.Error($"a training checkpoint without the branch '{chosen}', it has {string.Join(", ", branches)}");
            dict = state;
        }
        else if (branch is not null)
        {
            throw file.Error($"no training checkpoint: it has no branch '{branch}', nor any other");
        }

        dict = Unwrap(dict);
        var tensors = new List<TensorEntry>();
        var others = new List<string>();
        foreach ((string name, object? value) in dict.Items)
        {
            if (value is not TorchTensor { Storage: var storage } tensor)
            {
                others.Add(name);
                continue;
            }

            tensors.Add(new TensorEntry(
                file, name, storage.Type, tensor.Shape, tensor.Strides, locate(storage), storage.Length, tensor.Offset));
        }

        return new TensorTable { Format = format, Tensors = tensors, NonTensors = others, Branches = branches, Branch = chosen };
    }

    /// <summary>The dictionary that has tensors, inside those of a training script.</summary>
    private static PickleDict Unwrap(PickleDict dict)
    {
        for (int i = 0; i < MaxWrappers && !dict.Items.Any(item => item.Value is TorchTensor); i++)
        {
            PickleDict? inner = Wrappers.Select(name => dict[name] as PickleDict).FirstOrDefault(found => found is not null);
            if (inner is null)
                break;
            dict = inner;
        }

        return dict;
    }
}
