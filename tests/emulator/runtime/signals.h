// signals.h - faults of the kernel's code, and the watchdog, become findings. Included by runtime.cpp.
[[noreturn]] static void leave_from_signal(int signal_number) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    sigprocmask(SIG_UNBLOCK, &set, nullptr);
    leave();
}

static void watch(void* pc) {  // called every two seconds of CPU time
    static uint64_t seen = ~0ull;
    static int ticks = 0;
    if (seen != G.switches) {
        seen = G.switches;
        ticks = 0;
        return;
    }
    if (++ticks < 2)
        return;
    ticks = 0;
    report(pc, "hang",
           "a thread runs without ever reaching a synchronisation call (spin loop without ld_acquire, or an "
           "endless "
           "loop)");
    leave_from_signal(SIGVTALRM);
}

static void on_signal(int number, siginfo_t* info, void* user_context) {
    if (!G.fiber || G.aborted) {
        signal(number, SIG_DFL);
        return;
    }
    void* pc = nullptr;
#if defined(__x86_64__)
    pc = (void*)(((ucontext_t*)user_context)->uc_mcontext.gregs[16] + 1);
#endif
    if (number == SIGVTALRM)
        return watch(pc);
    uintptr_t a = (uintptr_t)info->si_addr, stack = (uintptr_t)G.fiber->stack_base;
    if (number != SIGSEGV && number != SIGBUS)
        report(pc, "signal", "signal %d (%s)", number, strsignal(number));
    else if (a + 65536 > stack && a < stack)
        report(pc, "stack overflow", "a thread used more than %zu bytes of local memory", G.stack);
    else if (in_arena(info->si_addr))
        report(pc, "out of bounds (shared)", "fault at shared offset %u of %zu", window_offset(info->si_addr),
               G.shared_size);
    else
        report(pc, "out of bounds", "fault at address %p, %s", info->si_addr, nearest(a).c_str());
    leave_from_signal(number);
}

static const int caught_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGVTALRM};

// Installs the handlers for the life of the object.
struct SignalHandlers {
    struct sigaction before[5];
    stack_t stack_before;

    SignalHandlers() {
        static char stack[65536];
        stack_t own = {};
        own.ss_sp = stack;
        own.ss_size = sizeof stack;
        sigaltstack(&own, &stack_before);
        struct sigaction action = {};
        action.sa_sigaction = on_signal;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        for (int i = 0; i < 5; i++)
            sigaction(caught_signals[i], &action, &before[i]);
        struct itimerval tick = {{2, 0}, {2, 0}};
        setitimer(ITIMER_VIRTUAL, &tick, nullptr);
    }

    ~SignalHandlers() {
        struct itimerval none = {};
        setitimer(ITIMER_VIRTUAL, &none, nullptr);
        for (int i = 0; i < 5; i++)
            sigaction(caught_signals[i], &before[i], nullptr);
        sigaltstack(&stack_before, nullptr);
    }
};
