using Dino.Gpu.Data.Rows;

namespace Dino.Gpu.Data.Vectors;

/// <summary>
/// Sees to it that only vectors meet that can be compared, or, where the user insists, says once that they should not.
/// </summary>
/// <param name="isForced">Whether vectors that were made differently are compared anyway.</param>
/// <param name="tell">Takes what the user should know.</param>
internal sealed class ComparableVectors(bool isForced, Action<string> tell)
{
    private bool _isTold;

    /// <summary>
    /// The rows of several tables, one after the other. A column that not all of them have is null in the others. Where
    /// they were made differently, nothing is known of what made the whole.
    /// </summary>
    /// <exception cref="DinoException">Their vectors cannot be compared.</exception>
    public EmbeddingTable Join(IReadOnlyList<(string Name, EmbeddingTable Table)> tables)
    {
        return EmbeddingTable.Join(tables, RequireAll([.. tables.Select(one => (one.Name, one.Table.Dimension, one.Table.Model))]));
    }

    /// <summary>Looks at several sets of vectors before they become one.</summary>
    /// <returns>
    /// What is true of all of them; null where that is not known, or where they were made differently.
    /// </returns>
    /// <exception cref="DinoException">The vectors cannot be compared.</exception>
    public Provenance? RequireAll(IReadOnlyList<(string Name, int Dimension, Provenance? Model)> sets)
    {
        (string firstName, int dimension, _) = sets[0];
        (string madeName, _, Provenance? made) = sets.FirstOrDefault(one => one.Model is not null, sets[0]);
        bool isSame = true;
        foreach ((string name, int length, Provenance? other) in sets)
        {
            RequireLength(firstName, dimension, name, length);
            isSame &= RequireModel(madeName, made, name, other);
        }

        if (sets.Count > 1)
            TellUnknown([.. sets.Select(one => (one.Name, one.Model))]);
        return isSame && sets.All(one => one.Model is not null)
            ? sets.Select(one => one.Model!).Aggregate((all, other) => all.JoinedWith(other))
            : null;
    }

    /// <summary>Looks at two sets of vectors before they are compared.</summary>
    /// <param name="firstName">Of the first.</param>
    /// <param name="dimension">Length of its vectors.</param>
    /// <param name="model">What made them; null where it is not known.</param>
    /// <param name="name">Of the second.</param>
    /// <param name="table">The second.</param>
    /// <exception cref="DinoException">The vectors cannot be compared.</exception>
    public void Require(string firstName, int dimension, Provenance? model, string name, EmbeddingTable table)
    {
        RequireLength(firstName, dimension, name, table.Dimension);
        RequireModel(firstName, model, name, table.Model);
        TellUnknown([(firstName, model), (name, table.Model)]);
    }

    private static void RequireLength(string firstName, int dimension, string name, int length)
    {
        if (length != dimension)
            throw new DinoException($"{firstName} has vectors of {dimension} values, {name} of {length}: they cannot be compared");
    }

    /// <returns>Whether nothing is known to differ.</returns>
    private bool RequireModel(string firstName, Provenance? first, string name, Provenance? second)
    {
        if (first is null || second?.DifferenceFrom(first) is not { } difference)
            return true;
        string what = $"{firstName} and {name} were made differently ({difference})";
        if (!isForced)
        {
            throw new DinoException(
                $"{what}: their vectors cannot be compared", "embed both in the same way, or compare them anyway with --force");
        }

        if (!_isTold)
            tell($"{what}: their similarities mean little");
        _isTold = true;
        return false;
    }

    /// <summary>.npy and .csv files do not say what made their vectors.</summary>
    private void TellUnknown(IReadOnlyList<(string Name, Provenance? Model)> tables)
    {
        string[] unknown = [.. tables.Where(table => table.Model is null).Select(table => table.Name).Distinct()];
        if (unknown.Length > 0)
        {
            tell($"{string.Join(", ", unknown)} {(unknown.Length == 1 ? "does" : "do")} not say what made the vectors: that they can be "
                + "compared is not checked");
        }
    }
}
