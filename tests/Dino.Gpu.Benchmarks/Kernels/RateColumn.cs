using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace Dino.Gpu.Benchmarks.Kernels;

/// <summary>
/// GFLOP/s or GB/s of a kernel, or its share of the peak measured on this machine for its register width.
/// </summary>
internal sealed class RateColumn(bool share) : IColumn
{
    public string Id => $"{nameof(RateColumn)}.{ColumnName}";

    public string ColumnName => share ? "Share of peak" : "Rate";

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => share ? 1 : 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public string Legend => share
        ? "Of register multiply-adds (GFLOP/s), or of copying as many bytes (GB/s), on one thread"
        : "Matrix products counted as two operations a multiply-add; bytes read and written once";

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase)
    {
        if (benchmarkCase.Parameters.Items.FirstOrDefault(item => item.Value is KernelCase)?.Value is not KernelCase kernel
            || summary[benchmarkCase]?.ResultStatistics is not { } statistics)
            return "";
        double seconds = statistics.Median * 1e-9;
        bool arithmetic = kernel.Operations > 0;
        double rate = (arithmetic ? kernel.Operations : kernel.Bytes) / seconds;
        if (share)
        {
            double peak = arithmetic ? MachinePeak.Flops(kernel.SimdWidth) : MachinePeak.CopyBandwidth(kernel.Bytes);
            return (rate / peak).ToString("P0", CultureInfo.InvariantCulture);
        }

        return string.Create(CultureInfo.InvariantCulture, $"{rate / 1e9:F1} {(arithmetic ? "GFLOP/s" : "GB/s")}");
    }

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public bool IsAvailable(Summary summary) => true;
}
