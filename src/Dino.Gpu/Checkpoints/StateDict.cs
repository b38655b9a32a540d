namespace Dino.Gpu.Checkpoints;

/// <summary>Turns what a pickle held into a table of tensors: a state dict, or the chosen branch of a DINO training checkpoint.</summary>
internal static class StateDict
{
    private static readonly string[] BranchNames = ["teacher", "student"];

    /// <param name="file">The checkpoint.</param>
    /// <param name="format">How it was written.</param>
    /// <param name="content">What the pickle held.</param>
    /// <param name="branch"><c>teacher</c> or <c>student</c>; null for the teacher where there are branches.</param>
    /// <param name="locate">First byte of a storage in the file; fails if its size is not what it claims.</param>
    public static TensorTable Read(CheckpointFile file, CheckpointFormat format, object? content, string? branch, Func<TorchStorage, long> locate)
    {
        if (content is not PickleDict dict) throw file.Error("holds no dictionary of tensors; save model.state_dict() instead");
        string[] branches = [.. BranchNames.Where(name => dict.TryGet(name, out PickleDict? _))];
        string? chosen = null;
        if (branches.Length > 0)
        {
            chosen = branch ?? BranchNames[0];
            if (!dict.TryGet(chosen, out PickleDict? state)) throw file.Error($"a training checkpoint without the branch '{chosen}'; it has {string.Join(", ", branches)}");
            dict = state;
        }
        else if (branch is not null)
        {
            throw file.Error($"no training checkpoint: it has no branch '{branch}', nor any other");
        }

        var tensors = new List<TensorEntry>();
        var others = new List<string>();
        foreach ((string name, object? value) in dict.Items)
        {
            if (value is TorchTensor tensor)
                tensors.Add(new TensorEntry(file, name, tensor.Storage.Type, tensor.Shape, tensor.Strides, locate(tensor.Storage), tensor.Storage.Length, tensor.Offset));
            else
                others.Add(name);
        }

        return new TensorTable { Format = format, Tensors = tensors, NonTensors = others, Branches = branches, Branch = chosen };
    }
}
