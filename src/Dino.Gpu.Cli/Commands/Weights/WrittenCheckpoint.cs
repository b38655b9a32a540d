namespace Dino.Gpu.Cli.Commands;

/// <summary>What a command of <c>dino weights</c> wrote, as its JSON has it.</summary>
/// <param name="Path">The checkpoint.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">64 lower-case hexadecimal digits.</param>
/// <param name="WasPresent">Whether a download was there before; null for what was not downloaded.</param>
/// <param name="Beside">Names of the files that were written beside it; null for a download.</param>
internal sealed record WrittenCheckpoint(string Path, long Bytes, string Sha256, bool? WasPresent, IReadOnlyList<string>? Beside);
