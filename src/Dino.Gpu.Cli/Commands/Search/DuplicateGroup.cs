using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Pictures that show the same.</summary>
/// <param name="Number">Of the group, from 1.</param>
/// <param name="Keep">The one to keep: the largest, of equal ones the first. With <c>--reference</c> the largest of the reference's.</param>
/// <param name="References">Others of the reference folders, which are kept too.</param>
/// <param name="Duplicates">The pictures that could go.</param>
internal sealed record DuplicateGroup(int Number, RowInfo Keep, IReadOnlyList<ScoredPicture> References, IReadOnlyList<ScoredPicture> Duplicates);

/// <summary>A picture beside the one to keep.</summary>
/// <param name="Image">The picture.</param>
/// <param name="Score">Its cosine with the one to keep. It may be below the threshold where other pictures join the two.</param>
internal readonly record struct ScoredPicture(RowInfo Image, double Score);
