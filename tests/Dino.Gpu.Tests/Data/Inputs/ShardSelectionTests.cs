using Dino.Gpu.Data.Inputs;
using Dino.Gpu.Tests.Cli;

namespace Dino.Gpu.Tests.Data.Inputs;

public sealed class ShardSelectionTests
{
    private const string Slurm0To7 = "SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_COUNT=8";

    [Theory]
    [InlineData(null, "", 0, 1, "none")]
    [InlineData("0/1", "", 0, 1, "--shard")]
    [InlineData("2/8", "", 2, 8, "--shard")]
    [InlineData("2/8", "SLURM_ARRAY_TASK_ID=5 " + Slurm0To7, 2, 8, "--shard")]
    [InlineData("none", "SLURM_ARRAY_TASK_ID=5 " + Slurm0To7, 0, 1, "none")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=5 " + Slurm0To7, 5, 8, "Slurm")]
    [InlineData("auto", "SLURM_ARRAY_TASK_ID=5 " + Slurm0To7, 5, 8, "Slurm")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=8 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=8 SLURM_ARRAY_TASK_COUNT=8", 7, 8, "Slurm")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=60 SLURM_ARRAY_TASK_MIN=20 SLURM_ARRAY_TASK_MAX=80 SLURM_ARRAY_TASK_COUNT=4", 2, 4, "Slurm")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=3 SLURM_ARRAY_TASK_COUNT=1", 0, 1, "Slurm")]
    [InlineData("auto/8", "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=3 SLURM_ARRAY_TASK_COUNT=1",
        3, 8, "--shard auto/8")]
    [InlineData(null, "JOB_COMPLETION_INDEX=3 JOB_COMPLETIONS=4", 3, 4, "Kubernetes")]
    [InlineData("auto/5", "JOB_COMPLETION_INDEX=3", 3, 5, "--shard auto/5")]
    [InlineData(null, "AWS_BATCH_JOB_ARRAY_INDEX=0 AWS_BATCH_JOB_ARRAY_SIZE=10", 0, 10, "AWS Batch")]
    [InlineData(null, "JOB_COMPLETIONS=4 AWS_BATCH_JOB_ARRAY_SIZE=4 SLURM_ARRAY_TASK_COUNT=4 SLURM_JOB_ID=7", 0, 1, "none")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=", 0, 1, "none")]
    public void Part_is_what_the_option_or_the_scheduler_says(string? option, string environment, int index, int count, string source) =>
        Assert.Equal(new ShardSelection(index, count, source), ShardSelection.From(option, Variables(environment)));

    [Theory]
    [InlineData(null, "JOB_COMPLETION_INDEX=3", "JOB_COMPLETIONS is not")]
    [InlineData(null, "AWS_BATCH_JOB_ARRAY_INDEX=3", "AWS_BATCH_JOB_ARRAY_SIZE is not")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=3", "SLURM_ARRAY_TASK_MIN is not")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=x " + Slurm0To7, "'x', expected a whole number")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=9 " + Slurm0To7, "evenly spaced")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_COUNT=3", "evenly spaced")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_COUNT=3", "evenly spaced")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=1 SLURM_ARRAY_TASK_COUNT=2", "evenly spaced")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=1 SLURM_ARRAY_TASK_COUNT=3", "evenly spaced")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=1 SLURM_ARRAY_TASK_COUNT=0", "evenly spaced")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=1 JOB_COMPLETION_INDEX=1", "both set")]
    [InlineData(null, "JOB_COMPLETION_INDEX=4 JOB_COMPLETIONS=4", "counted from 0 to 3")]
    [InlineData(null, "JOB_COMPLETION_INDEX=0 JOB_COMPLETIONS=0", "JOB_COMPLETIONS is 0, expected the number of parts")]
    [InlineData("auto/8", "SLURM_ARRAY_TASK_ID=8 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=8 SLURM_ARRAY_TASK_COUNT=8",
        "counted from 0 to 7")]
    [InlineData("auto/8", "", "no scheduler")]
    [InlineData("auto", "", "no scheduler")]
    public void What_does_not_say_which_part_is_one_line(string? option, string environment, string expected)
    {
        DinoException refusal = Assert.Throws<DinoException>(() => ShardSelection.From(option, Variables(environment)));
        Assert.Contains(expected, refusal.Message);
        Assert.Contains("--shard", refusal.Message + refusal.Hint);
        Assert.DoesNotContain('\n', refusal.Message + refusal.Hint);
    }

    [Theory]
    [InlineData("8/8")]
    [InlineData("-1/8")]
    [InlineData("1")]
    [InlineData("1/0")]
    [InlineData("1/2/3")]
    [InlineData("a/b")]
    [InlineData("1/99999999999")]
    [InlineData("auto/0")]
    [InlineData("auto/x")]
    [InlineData("")]
    public async Task Wrong_value_is_wrong_usage(string value)
    {
        Assert.NotNull(ShardSelection.Check(value));
        CliResult result = await CliRunner.RunAsync("embed", "a.jpg", $"--shard={value}");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("--shard", result.Error);
    }

    [Theory]
    [InlineData(10, 3)]
    [InlineData(2, 5)]
    [InlineData(0, 4)]
    [InlineData(8, 8)]
    [InlineData(1_000_003, 64)]
    [InlineData(long.MaxValue, int.MaxValue)]
    public void Parts_follow_each_other_and_differ_by_one_row_at_most(long rows, int count)
    {
        long next = 0;
        foreach (int index in count < 1000 ? Enumerable.Range(0, count) : [0])
        {
            (long first, long last) = new ShardSelection(index, count, "test").Rows(rows);
            Assert.Equal(next, first);
            Assert.InRange(last - first, rows / count, rows / count + 1);
            next = last;
        }

        Assert.Equal(rows, new ShardSelection(count - 1, count, "test").Rows(rows).Last);
    }

    private static Dictionary<string, string> Variables(string text) =>
        text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(one => one.Split('=')).ToDictionary(one => one[0], one => one[1]);
}
