using System.CommandLine;
using Dino.Gpu.Checkpoints;

namespace Dino.Gpu.Cli.Commands;

/// <summary><c>--seed N</c></summary>
internal static class SeedOption
{
    /// <param name="description">What is seeded.</param>
    /// <param name="standard">Without the option.</param>
    public static Option<ulong> Create(string description, ulong standard) => new("--seed")
    {
        Description = description,
        HelpName = "N",
        DefaultValueFactory = _ => standard,
        CustomParser = result =>
        {
            try
            {
                return WeightSource.ParseSeed(result.Tokens[0].Value);
            }
            catch (DinoException failure)
            {
                result.AddError($"--seed: {failure.Message}");
                return standard;
            }
        },
    };
}
