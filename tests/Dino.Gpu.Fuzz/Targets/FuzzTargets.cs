namespace Dino.Gpu.Fuzz.Targets;

/// <summary>Every reader of what others made.</summary>
internal static class FuzzTargets
{
    public static IReadOnlyList<FuzzTarget> All { get; } =
        [.. CheckpointTargets.All, .. TableTargets.All, .. RunTargets.All, .. PictureTargets.All];

    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static FuzzTarget Named(string name) => All.FirstOrDefault(target => target.Name == name)
        ?? throw new ArgumentException(
            $"there is no target '{name}', expected one of {string.Join(", ", All.Select(target => target.Name))}");
}
