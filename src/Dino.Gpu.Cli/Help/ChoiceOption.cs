using System.CommandLine;

namespace Dino.Gpu.Cli.Help;

/// <summary>An option whose values have names.</summary>
internal interface IChoice
{
    /// <summary>Name of the default; null if there is none.</summary>
    string? DefaultName { get; }
}

/// <summary>An option with a few named values, parsed and checked in one step.</summary>
internal sealed class ChoiceOption<T> : Option<T>, IChoice
{
    private readonly (string Name, T Value)[] _choices;
    private readonly bool _hasDefault;

    /// <param name="name">With its dashes.</param>
    /// <param name="description">What it does.</param>
    /// <param name="choices">Names and values.</param>
    /// <param name="hasDefault">Whether the first choice is the default; otherwise it is that of the type.</param>
    public ChoiceOption(string name, string description, IEnumerable<(string Name, T Value)> choices, bool hasDefault = true)
        : base(name)
    {
        _choices = [.. choices];
        _hasDefault = hasDefault;
        Description = description;
        HelpName = string.Join('|', _choices.Select(choice => choice.Name));
        CustomParser = result =>
        {
            string given = result.Tokens[0].Value;
            foreach ((string known, T value) in _choices)
            {
                if (known.Equals(given, StringComparison.OrdinalIgnoreCase))
                    return value;
            }

            result.AddError($"{name}: expected {Names()}, found '{given}'");
            return default!;
        };
        if (hasDefault)
            DefaultValueFactory = _ => _choices[0].Value;
        CompletionSources.Clear(); // of the names of an enumeration
        CompletionSources.Add([.. _choices.Select(choice => choice.Name)]);
    }

    public string? DefaultName => _hasDefault ? _choices[0].Name : null;

    /// <summary>Such as <c>auto, skia or stb</c>.</summary>
    private string Names() => $"{string.Join(", ", _choices.SkipLast(1).Select(choice => choice.Name))} or {_choices[^1].Name}";
}
