using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;

namespace Dino.Gpu.Server.Hosting;

/// <summary>
/// Gives memory back once a rush is over. The collector runs when something is allocated, and what thousands of
/// connections have left would stay for as long as nobody asks.
/// </summary>
/// <param name="period">How long nobody may have asked before.</param>
/// <param name="time">Tells the time.</param>
internal sealed class IdleTrim(TimeSpan period, TimeProvider time) : BackgroundService
{
    private const int FirstTick = 2; // the period under way when the last request ends is no whole one
    private const int LastTick = 3; // once more: Kestrel gives its own buffers up some time after the connections

    private int _underWay;
    private int _ticks = LastTick; // without a request; nothing is to do before the first

    /// <summary>How often memory was given back.</summary>
    public int Count { get; private set; }

    /// <summary>Runs a request, and knows of it.</summary>
    public async Task RunAsync(HttpContext context, RequestDelegate next)
    {
        if (Telemetry.IsOfWatcher(context))
        {
            await next(context).ConfigureAwait(false);
            return;
        }

        Interlocked.Increment(ref _underWay);
        try
        {
            await next(context).ConfigureAwait(false);
        }
        finally
        {
            Volatile.Write(ref _ticks, 0);
            Interlocked.Decrement(ref _underWay);
        }
    }

    /// <summary>One period is over.</summary>
    public void Tick()
    {
        if (Volatile.Read(ref _underWay) > 0 || Volatile.Read(ref _ticks) >= LastTick)
            return;
        if (Interlocked.Increment(ref _ticks) >= FirstTick)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            Count++;
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
                Tick();
        }
        catch (OperationCanceledException)
        {
            // the server stops
        }
    }
}
